/** The paging fields of a list's answer. `max_page` of an empty list is 1. */
export function pageOf({ page, perPage }: { page: number; perPage: number }, count: number) {
  return { page, max_page: Math.max(1, Math.ceil(count / perPage)), count };
}
