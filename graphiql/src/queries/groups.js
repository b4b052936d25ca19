// The order of the menu. A file that stands in no group fails `npm run check`.
export const GROUPS = [
  {
    title: 'Customers',
    names: [
      'customers-with-contact',
      'customers-by-country',
      'search-customers',
      'customer-360',
      'customers-by-stage',
      'quiet-customers',
      'contracts-ending',
      'timeline',
      'customer-changes',
    ],
  },
  { title: 'Segments', names: ['segments-with-members', 'preview-segment'] },
  {
    title: 'Invoices',
    names: ['overdue-invoices', 'largest-open-invoices', 'balances', 'invoice-in-full', 'invoice-changes'],
  },
  {
    title: 'Figures',
    names: ['pipeline', 'invoice-ageing', 'top-customers', 'revenue-by-month', 'activity-by-person'],
  },
  { title: 'Imports', names: ['imports', 'import-progress'] },
  { title: 'The system', names: ['history', 'viewer', 'customer-fields', 'organisation', 'jobs'] },
];
