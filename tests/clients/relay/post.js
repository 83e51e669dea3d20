// A post that is read again by its id alone, with the pages of its replies, and with the balance of who tips it.
import { graphql } from 'relay-runtime';

export const card = graphql`
  fragment post_card on Post @refetchable(queryName: "postCardQuery") {
    text
    author {
      displayName
    }
    tipTotal {
      formatted
    }
    ...post_replies
  }
`;

export const replies = graphql`
  fragment post_replies on Post
  @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" })
  @refetchable(queryName: "postRepliesQuery") {
    replies(first: $first, after: $after) @connection(key: "post_replies") {
      edges {
        node {
          text
        }
      }
    }
  }
`;

export const tip = graphql`
  mutation postTipMutation($input: TipPostInput!) {
    tipPost(input: $input) {
      post {
        ...post_card
      }
      wallet {
        balance {
          available {
            formatted
          }
          version
        }
      }
      userErrors {
        __typename
        ... on UserError {
          message
        }
        ... on InsufficientFundsError {
          shortfall {
            formatted
          }
        }
      }
    }
  }
`;

export const reply = graphql`
  mutation postReplyMutation($input: CreatePostInput!, $connections: [ID!]!) {
    createPost(input: $input) {
      post @appendNode(connections: $connections, edgeTypeName: "PostEdge") {
        text
      }
    }
  }
`;

export const remove = graphql`
  mutation postRemoveMutation($input: DeletePostInput!, $connections: [ID!]!) {
    deletePost(input: $input) {
      deletedId @deleteEdge(connections: $connections)
    }
  }
`;
