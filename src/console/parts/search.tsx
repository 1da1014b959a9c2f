/** The search above a list, by GET: what is looked for is no secret. */
export function Search({
  action,
  label,
  placeholder,
  query,
}: {
  action: string;
  label: string;
  placeholder: string;
  query: string;
}) {
  return (
    <form method="get" action={action} role="search">
      <label class="vh" for="q">
        {label}
      </label>
      <input
        id="q"
        name="query"
        type="search"
        placeholder={placeholder}
        value={query}
        autocomplete="off"
        data-filter=".keys tbody tr"
      />
      <button class="btn" type="submit">
        Search
      </button>
    </form>
  );
}
