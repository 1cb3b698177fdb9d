// Which rows a table shows, and in which order.

export interface Column<Row> {
  name: string;
  label: string;
  /** What it is sorted by; absent: it is not. Nothing known comes last. */
  value?: (row: Row) => string | number | null | undefined;
}

export interface Filter<Row> {
  name: string;
  label: string;
  test: (row: Row) => boolean;
}

interface Asked<Row> {
  text: string;
  filters: readonly string[];
  sort: string;
  down: boolean;
  columns: readonly Column<Row>[];
  all: readonly Filter<Row>[];
  search: (row: Row) => string;
}

const ORDER = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Without accents and capitals: who looks for `andre` finds André. */
const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Every word is in the row, and every filter holds. */
export function choose<Row>(rows: readonly Row[], asked: Asked<Row>): Row[] {
  const wanted = plain(asked.text).split(/\s+/).filter(Boolean);
  const tests = asked.all.filter(({ name }) => asked.filters.includes(name));
  const chosen = rows.filter((row) => {
    const text = wanted.length > 0 ? plain(asked.search(row)) : '';
    return wanted.every((word) => text.includes(word)) && tests.every(({ test }) => test(row));
  });
  const value = asked.columns.find(({ name }) => name === asked.sort)?.value;
  if (!value) return chosen;
  const sign = asked.down ? -1 : 1;
  return chosen.sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a == null || b == null) return a == null && b == null ? 0 : a == null ? 1 : -1;
    return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : ORDER.compare(`${a}`, `${b}`));
  });
}
