// What a TypeScript front end writes against the generated types: tsc holds each line to the schema.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { useFragment, graphql } from './gql';
import type { CreateCustomerInput, CustomerFilter } from './gql/graphql';

type Answer<D> = D extends TypedDocumentNode<infer R, never> ? R : never;
declare function ask<R, V>(document: TypedDocumentNode<R, V>, variables: V): Promise<R>;

const CARD = graphql(`
  fragment Card on Customer {
    id
    name
    stage
    balances { outstanding { amount currency } }
  }
`);
const CUSTOMERS = graphql(`
  query Customers($first: Int!, $after: String, $filter: CustomerFilter) {
    customers(first: $first, after: $after, filter: $filter) {
      nodes { ...Card }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
const CREATE = graphql(`
  mutation Create($input: CreateCustomerInput!) {
    createCustomer(input: $input) {
      customer { ...Card }
      errors { __typename code message path ... on DuplicateRecord { existing { __typename id } } }
    }
  }
`);
const CHANGES = graphql(`
  subscription Changes($id: ID!) {
    customerChanged(id: $id) { action customer { ...Card } }
  }
`);

const prospects: CustomerFilter = { stage: { eq: 'PROSPECT' }, or: [{ name: { contains: 'nord' } }, { country: { in: ['DE'] } }] };
const given: CreateCustomerInput = { name: 'Südwind', email: 'office@suedwind.example', contractValue: '1200.50' };

export async function names(): Promise<string[]> {
  const { customers } = await ask(CUSTOMERS, { first: 25, filter: prospects });
  return customers.nodes.map((node) => useFragment(CARD, node).name);
}

export async function outstanding(): Promise<string[]> {
  const { customers } = await ask(CUSTOMERS, { first: 25, after: null });
  const cards = useFragment(CARD, customers.nodes);
  return cards.flatMap(({ balances }) => balances.map(({ outstanding: { amount, currency } }) => `${amount} ${currency}`));
}

export async function create(): Promise<string | null> {
  const { createCustomer } = await ask(CREATE, { input: given });
  const duplicate = createCustomer.errors.find((error) => error.__typename === 'DuplicateRecord');
  return duplicate?.existing?.id ?? (createCustomer.customer && useFragment(CARD, createCustomer.customer).id);
}

export const change = (answer: Answer<typeof CHANGES>): string => answer.customerChanged.action;

// @ts-expect-error a query without its variables
export const withoutVariables = ask(CUSTOMERS, {});
// @ts-expect-error no stage of the pipeline
export const wrongStage: CustomerFilter = { stage: { eq: 'SOMEWHERE' } };
