import type { Role } from './roles.ts';

/*
 * What a catalogue of permissions is made of. The one of this deployment is in catalogue.ts.
 */

/** One thing that a key may be allowed to do. */
export interface Permission<Name extends string = string> {
  /** Lower-case snake. */
  name: Name;
  /** A key can only hold this permission together with that one. */
  dependsOn?: NoInfer<Name>;
  /** A role has every permission that is not disabled for it. */
  disabledFor?: readonly Role[];
  /** The product feature that it belongs to, for clients that show it; null when left out. */
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

/** A catalogue whose every `dependsOn` names a permission of it, or it does not compile. */
export function defineCatalogue<const Name extends string>(
  sections: readonly Section<Name>[],
): readonly Section<Name>[] {
  return sections;
}
