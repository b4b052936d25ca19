// The pool of every Node server here, and statements that PostgreSQL prepares once a connection.
import pg from "pg";

const { types } = pg;
types.setTypeParser(types.builtins.DATE, (day) => day);
types.setTypeParser(types.builtins.TIMESTAMPTZ, (instant) => new Date(instant).toISOString());

// Where the database is stands in libpq's variables.
export const pool = new pg.Pool({ max: 10, min: 10 });

const names = new Map();

export async function query(text, values) {
  let name = names.get(text);
  if (!name) {
    name = `s${names.size}`;
    names.set(text, name);
  }
  const { rows } = await pool.query({ name, text, values });
  return rows;
}
