'use strict';
/* Sorting by a column: its button, by mouse or keyboard. Cells without a value stay last. */
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const told = document.getElementById('told');
  const start = [...body.rows];

  const key = (row, column) => {
    const text = row.cells[column].dataset.sort;
    return column === 0 ? text : text === '' ? null : Number(text);
  };
  const compare = (a, b) => (typeof a === 'string' ? a.localeCompare(b, 'en') : a - b);

  heads.forEach((head, column) => {
    head.querySelector('button').addEventListener('click', () => {
      const first = head.dataset.first;
      const now = head.getAttribute('aria-sort');
      const other = first === 'descending' ? 'ascending' : 'descending';
      const order = now === 'none' ? first : now === first ? other : 'none';
      heads.forEach((h) => h.setAttribute('aria-sort', 'none'));
      head.setAttribute('aria-sort', order);
      const rows = [...start];
      if (order !== 'none') {
        rows.sort((x, y) => {
          const a = key(x, column), b = key(y, column);
          if (a === null || b === null) return (a === null) - (b === null);
          return order === 'ascending' ? compare(a, b) : compare(b, a);
        });
      }
      body.append(...rows);
      told.textContent = order === 'none' ? 'Order of places.'
        : 'Sorted by ' + head.querySelector('button').textContent + ', ' + order + '.';
    });
  });
}
