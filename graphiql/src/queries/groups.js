// The order of the menu. A file that stands in no group fails `npm run check`.
export const GROUPS = [
  {
    title: 'Customers',
    names: [
      'customers-with-contact',
      'customers-by-country',
      'search-customers',
      'customer-360',
      'pipeline-by-stage',
    ],
  },
  { title: 'Segments', names: ['segments-with-members', 'preview-segment'] },
  { title: 'Invoices', names: ['overdue-invoices', 'invoice-in-full', 'top-customers', 'invoice-changes'] },
  { title: 'Imports and the system', names: ['import-progress', 'viewer', 'dead-jobs'] },
];
