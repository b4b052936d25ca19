import { GROUPS } from './groups.js';
import { readReadyQuery } from './ready-query.js';

const sources = import.meta.glob('./*.graphql', { eager: true, query: '?raw', import: 'default' });
const named = (name) => readReadyQuery(name, sources[`./${name}.graphql`]);

/** The ready queries in the menu's order. */
export const queryGroups = GROUPS.map(({ title, names }) => ({ title, queries: names.map(named) }));

/** What the first tab of a newcomer holds. */
export const firstQuery = named('customers-with-contact');
