import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

/** The room of a file of the domain; null: it lies beside the rooms, for all of them to use. */
function roomOf(path: string): string | null {
  const parts = path.split('/');
  return parts.length === 4 ? (parts[2] ?? null) : null;
}

/** Which rooms of the domain each room imports. */
function readImports(): Map<string, Set<string>> {
  const imports = new Map<string, Set<string>>();
  for (const file of globSync('src/domain/*/*.ts')) {
    const room = roomOf(file);
    if (room === null) continue;
    const imported = imports.get(room) ?? new Set();
    imports.set(room, imported);
    for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/ from '(\.[^']+)'/g)) {
      const other = roomOf(join(dirname(file), path));
      if (other !== null && other !== room) imported.add(other);
    }
  }
  return imports;
}

it('lets no room of the domain import one that imports it, by whatever way round', () => {
  const imports = readImports();
  expect(imports.size).toBeGreaterThan(8);
  const order: string[] = [];
  while (imports.size > 0) {
    const next = [...imports].find(([, imported]) => [...imported].every((room) => order.includes(room)));
    expect(next, `These import each other: ${[...imports.keys()].join(', ')}`).toBeDefined();
    if (next === undefined) return;
    order.push(next[0]);
    imports.delete(next[0]);
  }
});
