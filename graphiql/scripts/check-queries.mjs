// Checks every query this page ships against the schema: `npm run check [schema file]`.
// Exit 0 when all are valid, 1 with a line per problem otherwise.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  buildSchema,
  getVariableValues,
  NoDeprecatedCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { GROUPS } from '../src/queries/groups.js';
import { readReadyQuery } from '../src/queries/ready-query.js';

const root = join(import.meta.dirname, '..');
const schemaPath = process.argv[2] ?? join(root, '..', 'schema.graphql');
const RULES = [...specifiedRules, NoDeprecatedCustomRule];

function graphqlFiles(folder) {
  const path = join(root, 'src', folder);
  const files = readdirSync(path).filter((file) => file.endsWith('.graphql'));
  return files.map((file) => {
    const source = readFileSync(join(path, file), 'utf8');
    return { file, name: basename(file, '.graphql'), source };
  });
}

function documentProblems(schema, source) {
  const errors = validate(schema, parse(source), RULES);
  return errors.map(({ message, locations }) => `line ${locations?.[0]?.line}: ${message}`);
}

function readyQueryProblems(schema, { name, source }) {
  const query = readReadyQuery(name, source);
  const { definitions } = parse(source);
  const [operation, ...others] = definitions.filter((node) => node.kind === 'OperationDefinition');
  return [
    ...headingProblems(query),
    ...(others.length ? ['holds more than one operation'] : []),
    ...(operation.name ? [] : ['has an operation without a name']),
    ...variableProblems(schema, operation, query),
  ];
}

function headingProblems({ name, title, description }) {
  const inGroups = GROUPS.flatMap((group) => group.names).filter((grouped) => grouped === name).length;
  return [
    ...(title ? [] : ['has no title in its first line']),
    ...(description?.endsWith('.') ? [] : ['has no one-line description in its second line']),
    ...(inGroups === 1 ? [] : [`stands in ${inGroups} groups of src/queries/groups.js instead of one`]),
  ];
}

function variableProblems(schema, operation, { variables }) {
  const given = variables ? JSON.parse(variables) : {};
  const declared = new Set(operation.variableDefinitions.map(({ variable }) => variable.name.value));
  const unknown = Object.keys(given).filter((name) => !declared.has(name));
  const { errors = [] } = getVariableValues(schema, operation.variableDefinitions, given);
  return [
    ...errors.map((error) => error.message),
    ...unknown.map((name) => `gives a value to $${name}, which it does not declare`),
  ];
}

function missingFiles(readyQueries) {
  const present = new Set(readyQueries.map(({ name }) => name));
  const named = GROUPS.flatMap((group) => group.names);
  const missing = named.filter((name) => !present.has(name));
  return missing.map((name) => `${name}.graphql: named in src/queries/groups.js but not there`);
}

function problemsOf({ file, ...rest }, ...checks) {
  try {
    return checks.flatMap((check) => check(rest)).map((problem) => `${file}: ${problem}`);
  } catch (error) {
    return [`${file}: ${error.message}`];
  }
}

if (!existsSync(schemaPath)) {
  console.error(`There is no schema at ${schemaPath}.`);
  process.exit(1);
}
const schema = buildSchema(readFileSync(schemaPath, 'utf8'));
const ownOperations = graphqlFiles('operations');
const readyQueries = graphqlFiles('queries');
const valid = ({ source }) => documentProblems(schema, source);
const problems = [
  ...missingFiles(readyQueries),
  ...ownOperations.flatMap((operation) => problemsOf(operation, valid)),
  ...readyQueries.flatMap((query) => problemsOf(query, valid, (facts) => readyQueryProblems(schema, facts))),
];

problems.forEach((problem) => console.error(problem));
if (problems.length) process.exit(1);
console.log(`${ownOperations.length + readyQueries.length} queries are valid.`);
