// A page of the feed, whose list goes on in both directions.
import { graphql } from 'relay-runtime';

export const feedQuery = graphql`
  query feedQuery($kind: FeedKind!) {
    ...feed_page @arguments(kind: $kind)
  }
`;

export const page = graphql`
  fragment feed_page on Query
  @argumentDefinitions(
    kind: { type: "FeedKind!" }
    first: { type: "Int" }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
  )
  @refetchable(queryName: "feedPageQuery") {
    feed(kind: $kind, first: $first, after: $after, last: $last, before: $before) @connection(key: "feed_page_feed") {
      edges {
        node {
          ...post_card
        }
      }
    }
  }
`;
