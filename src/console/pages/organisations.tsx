import type { Organisation } from '../../domain/organisations/find-organisation.ts';
import { links } from '../links.ts';
import { Field } from '../parts/field.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { Form, Layout } from '../parts/layout.tsx';
import { Pager } from '../parts/pager.tsx';
import { Search } from '../parts/search.tsx';
import { WideHead } from '../parts/table-head.tsx';
import { DayOf } from '../parts/times.tsx';

export interface OrganisationsPageProps {
  frame: SignedInFrame;
  query: { query?: string | undefined };
  organisations: readonly Organisation[];
  /** From 1. */
  page: number;
  perPage: number;
  found: number;
  /** The form for a new one, as it was filled in. */
  name: string;
  error: string | null;
}

/** The organisations of the deployment, and the form for a new one. PROVIDER only. */
export function OrganisationsPage(props: OrganisationsPageProps) {
  const { frame, query, organisations, page, perPage, found, name, error } = props;
  return (
    <Layout frame={frame} title={error === null ? 'Organisations' : 'Error: Organisations'} section="organisations">
      <div class="head">
        <div>
          <h1>Organisations</h1>
          <p>Each has its own users and keys, and nobody in one sees another.</p>
        </div>
      </div>
      <div class="tools">
        <Form viewer={frame.viewer} action={links.organisations()} class="ask" novalidate>
          <Field id="name" label="New organisation" error={error}>
            {(described) => (
              <input
                id="name"
                name="name"
                value={name}
                placeholder="Name"
                required
                dir="auto"
                autocomplete="off"
                {...described}
              />
            )}
          </Field>
          <button class="btn" type="submit">
            Create
          </button>
        </Form>
        <Search action={links.organisations()} label="Search by name" placeholder="Name" query={query.query ?? ''} />
      </div>
      {organisations.length === 0 ? (
        <div class="empty" role="status">
          <h2>No organisation has “{query.query ?? ''}” in its name</h2>
          <a class="btn" href={links.organisations()}>
            Show all organisations
          </a>
        </div>
      ) : (
        <>
          <table class="keys wide" role="table">
            <caption class="vh">Organisations of the deployment</caption>
            <WideHead columns={[{ name: 'Organisation' }, { name: 'Id', isNumber: true }, { name: 'Creation date' }]} />
            <tbody role="rowgroup">
              {organisations.map((organisation) => (
                <tr role="row">
                  <th scope="row" role="rowheader">
                    <strong>
                      <bdi>{organisation.name}</bdi>
                    </strong>
                    {organisation.isDeployment && <span class="two">The deployment’s own, with its Providers</span>}
                  </th>
                  <td role="cell" data-h="Id" class="r">
                    {organisation.id}
                  </td>
                  <td role="cell" data-h="Creation date">
                    <DayOf at={organisation.createdAt} now={frame.now} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <Pager
            page={page}
            perPage={perPage}
            count={found}
            what={found === 1 ? 'organisation' : 'organisations, newest first'}
            href={(to) => links.organisations({ ...query, page: to })}
          />
        </>
      )}
    </Layout>
  );
}
