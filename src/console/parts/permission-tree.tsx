import { CATALOGUE } from '../../domain/permissions/catalogue.ts';
import type { Permission } from '../../domain/permissions/define-catalogue.ts';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import { permissionMeaning, sectionTitle } from './permission-words.ts';

interface TreeProps {
  ticked: readonly string[];
  /** Permissions that cannot be given, each with the reason in a few words. */
  unavailable: ReadonlyMap<PermissionName, string>;
}

type Entry = Permission<PermissionName>;

/** The catalogue as boxes to tick, each permission indented under the one that it depends on. */
export function PermissionTree(props: TreeProps) {
  return (
    <div id="permissions">
      <div class="tree">
        {CATALOGUE.flatMap((section) =>
          section.subsections.map((subsection) => (
            <section>
              <h3>{sectionTitle(section.subsections.length === 1 ? section.name : subsection.name)}</h3>
              <Branch {...props} all={subsection.permissions} under={undefined} saidAbove={undefined} />
            </section>
          )),
        )}
      </div>
    </div>
  );
}

/** The permissions that depend on `under`. A reason that was said above is not said again. */
function Branch(
  props: TreeProps & { all: readonly Entry[]; under: string | undefined; saidAbove: string | undefined },
) {
  const { all, under, saidAbove, ticked, unavailable } = props;
  const names = new Set<string>(all.map(({ name }) => name));
  // What depends on a permission of another section stands at the top of its own.
  const here = all.filter(({ dependsOn }) =>
    under === undefined ? dependsOn === undefined || !names.has(dependsOn) : dependsOn === under,
  );
  if (here.length === 0) return null;
  return (
    <ul>
      {here.map(({ name, dependsOn }) => {
        const lacking = unavailable.get(name);
        return (
          <li>
            <label class="pick">
              <input
                type="checkbox"
                name="permissions"
                value={name}
                checked={ticked.includes(name)}
                disabled={lacking !== undefined}
                data-needs={dependsOn}
              />
              <span>
                <code>{name}</code>
                <Meaning name={name} />
                {lacking !== undefined && lacking !== saidAbove && <small class="lack">{lacking}</small>}
                {dependsOn !== undefined && lacking === undefined && (
                  <small class="need">
                    Needs <code>{dependsOn}</code> too
                  </small>
                )}
              </span>
            </label>
            <Branch {...props} under={name} saidAbove={lacking ?? saidAbove} />
          </li>
        );
      })}
    </ul>
  );
}

function Meaning({ name }: { name: string }) {
  const meaning = permissionMeaning(name);
  return meaning === null ? null : <small>{meaning}</small>;
}
