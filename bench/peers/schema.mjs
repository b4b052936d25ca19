// The schema and resolvers that Mercurius and Apollo Server share: a statement for a list, a loader for what hangs on it.
import DataLoader from "dataloader";
import { query } from "./database.mjs";

export const typeDefs = `
  type User { id: ID! name: String! }
  type Contact { id: ID! name: String! email: String! phone: String title: String isPrimary: Boolean! }
  type Activity {
    id: ID! type: String! title: String! description: String occurredAt: String! user: User
  }
  type InvoiceLine { description: String! quantity: String! net: String! }
  type Invoice {
    id: ID! number: String state: String! currency: String! issueDate: String dueDate: String gross: String!
    lines: [InvoiceLine!]!
  }
  type Customer {
    id: ID! name: String! email: String! phone: String website: String stage: String! status: String! city: String
    accountNumber: String createdAt: String! accountManager: User
    contacts(first: Int = 10): [Contact!]!
    activities(first: Int = 10): [Activity!]!
    invoices(first: Int = 10): [Invoice!]!
  }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type CustomerPage { nodes: [Customer!]! pageInfo: PageInfo! }
  type Query {
    customers(first: Int = 50, after: String, country: String, status: String): CustomerPage!
    customer(id: ID!): Customer
    search(word: String!, first: Int = 25): [Customer!]!
  }
`;

const CUSTOMER = `id, name, sort_name, email, phone, website, stage, status, address_city as "city",
  account_number as "accountNumber", created_at as "createdAt", account_manager_id`;

const encodeCursor = ({ sort_name, id }) => Buffer.from(JSON.stringify([sort_name, id])).toString("base64url");
const decodeCursor = (cursor) => JSON.parse(Buffer.from(cursor, "base64url").toString());

async function listCustomers(first, after, country, status) {
  const where = ["archived_at is null"];
  const values = [];
  const bind = (value) => `$${values.push(value)}`;
  if (country != null) where.push(`address_country = ${bind(country)}`);
  if (status != null) where.push(`status = ${bind(status)}`);
  if (after != null) {
    const [name, id] = decodeCursor(after);
    where.push(`(sort_name, id) > (${bind(name)}, ${bind(id)})`);
  }
  // A LIMIT written out, not bound: PostgreSQL plans such a statement once.
  const rows = await query(
    `select ${CUSTOMER} from customer where ${where.join(" and ")} order by sort_name, id limit ${first + 1}`,
    values,
  );
  const hasNextPage = rows.length > first;
  if (hasNextPage) rows.pop();
  return {
    nodes: rows,
    pageInfo: { hasNextPage, endCursor: rows.length ? encodeCursor(rows[rows.length - 1]) : null },
  };
}

const Query = {
  customers: (_, { first, after, country, status }) => listCustomers(first, after, country, status),
  customer: async (_, { id }) => (await query(`select ${CUSTOMER} from customer where id = $1`, [id]))[0],
  search: (_, { word, first }) => query(`select ${CUSTOMER} from bench.search_customers($1) limit ${first}`, [word]),
};

function grouped(keys, rows, column) {
  const groups = new Map(keys.map((key) => [key, []]));
  for (const row of rows) groups.get(row[column]).push(row);
  return [...groups.values()];
}

// The first rows of each customer, however many others it has.
const firstOfEach = (columns, table, order, first) => async (keys) =>
  grouped(
    keys,
    await query(
      `select r.* from unnest($1::uuid[]) k(id) cross join lateral (
         select customer_id, ${columns} from ${table} t where t.customer_id = k.id order by ${order} limit ${first}) r`,
      [keys],
    ),
    "customer_id",
  );

async function usersById(keys) {
  const rows = await query("select id, name from staff_user where id = any($1::uuid[])", [keys]);
  const users = new Map(rows.map((user) => [user.id, user]));
  return keys.map((key) => users.get(key) ?? null);
}

async function linesByInvoice(keys) {
  const rows = await query(
    "select invoice_id, description, quantity, net from invoice_line where invoice_id = any($1::uuid[]) order by position",
    [keys],
  );
  return grouped(keys, rows, "invoice_id");
}

const CHILDREN = {
  contacts: [`id, name, email, phone, title, is_primary as "isPrimary"`, "contact", "t.is_primary desc, t.name, t.id"],
  activities: [
    `id, type, title, description, occurred_at as "occurredAt", user_id`,
    "activity",
    "t.occurred_at desc, t.id desc",
  ],
  invoices: [
    `id, number, state, currency, issue_date as "issueDate", due_date as "dueDate", gross_total as "gross"`,
    "invoice",
    "t.created_at desc, t.id desc",
  ],
};

// The loaders of one request. Plain fields only: Apollo copies its context.
export class Loaders {
  made = new Map();

  users = new DataLoader(usersById);
  lines = new DataLoader(linesByInvoice);

  children(name, first) {
    const key = `${name} ${first}`;
    let loader = this.made.get(key);
    if (!loader) {
      loader = new DataLoader(firstOfEach(...CHILDREN[name], first));
      this.made.set(key, loader);
    }
    return loader;
  }
}

const children = (name) => (customer, { first }, loaders) => loaders.children(name, first).load(customer.id);
const user = (column) => (row, _, loaders) => (row[column] === null ? null : loaders.users.load(row[column]));

export const resolvers = {
  Query,
  Customer: {
    accountManager: user("account_manager_id"),
    contacts: children("contacts"),
    activities: children("activities"),
    invoices: children("invoices"),
  },
  Activity: { user: user("user_id") },
  Invoice: { lines: (invoice, _, loaders) => loaders.lines.load(invoice.id) },
};
