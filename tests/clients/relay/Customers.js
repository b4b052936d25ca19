// What a page of customers asks for; relay-compiler turns it into artifacts and a map of persisted documents.
import { graphql } from 'relay-runtime';

graphql`
  query CustomersQuery($count: Int!, $filter: CustomerFilter) {
    viewer {
      name
    }
    ...Customers_list @arguments(count: $count, filter: $filter)
  }
`;

graphql`
  fragment Customers_list on Query
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 25 }
    cursor: { type: "String" }
    filter: { type: "CustomerFilter" }
  )
  @refetchable(queryName: "CustomersPageQuery") {
    customers(first: $count, after: $cursor, filter: $filter, orderBy: [{ field: NAME }])
      @connection(key: "Customers_customers", filters: ["filter"]) {
      __id
      edges {
        node {
          id
          name
          ...Customers_detail
        }
      }
    }
  }
`;

graphql`
  fragment Customers_detail on Customer @refetchable(queryName: "CustomersDetailQuery") {
    id
    name
    stage
    balances {
      outstanding {
        amount
        currency
      }
    }
  }
`;

graphql`
  mutation CustomersCreateMutation($input: CreateCustomerInput!, $connections: [ID!]!) {
    createCustomer(input: $input) {
      customer @appendNode(connections: $connections, edgeTypeName: "CustomerEdge") {
        id
        name
      }
      errors {
        code
        message
        path
      }
    }
  }
`;

graphql`
  subscription CustomersChangesSubscription($id: ID!) {
    customerChanged(id: $id) {
      action
      customer {
        ...Customers_detail
      }
    }
  }
`;
