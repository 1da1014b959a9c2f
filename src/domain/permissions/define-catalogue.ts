import type { Role } from './roles.ts';

/*
 * The parts of a catalogue of permissions. This deployment's catalogue is in catalogue.ts.
 */

/** One thing that a key may be allowed to do. */
export interface Permission<Name extends string = string> {
  /** Lower-case snake. */
  name: Name;
  /** The permission that a key must also hold to hold this one. */
  dependsOn?: NoInfer<Name>;
  /** The roles that lack the permission. A role has every permission that is not disabled for it. */
  disabledFor?: readonly Role[];
  /** The product feature that the permission belongs to, for clients to show. Left out, it is null on the wire. */
  feature?: string;
}

/** Permissions that belong together on a page. */
interface Subsection<Name extends string = string> {
  name: string;
  permissions: readonly Permission<Name>[];
}

/** One page of permissions. */
interface Section<Name extends string = string> {
  name: string;
  subsections: readonly Subsection<Name>[];
}

/** Declares a catalogue. A `dependsOn` that names no permission of the catalogue does not compile. */
export function defineCatalogue<const Name extends string>(
  sections: readonly Section<Name>[],
): readonly Section<Name>[] {
  return sections;
}
