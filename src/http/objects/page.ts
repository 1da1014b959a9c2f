/** How a page of a list says which it is. `max_page` of nothing is 1. */
export function pageOf({ page, perPage }: { page: number; perPage: number }, count: number) {
  return { page, max_page: Math.max(1, Math.ceil(count / perPage)), count };
}
