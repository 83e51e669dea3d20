/** What the server says about itself: GET /graphiql/config.json. */
export interface Config {
  /** Where operations are sent. */
  endpoint: string;
  /** Whom the page signs in as. The server names somebody in demo mode only. */
  viewer: { handle: string; token: string } | null;
  demo: boolean;
  /** A post of the demo's that the viewer may tip. */
  examplePostId: string | null;
}

const PLAIN: Config = { endpoint: '/graphql', viewer: null, demo: false, examplePostId: null };

/** A page without its configuration is still a good editor, so no failure here stops it. */
export async function loadConfig(): Promise<Config> {
  try {
    const response = await fetch(`${import.meta.env.BASE_URL}config.json`);
    return response.ok ? { ...PLAIN, ...((await response.json()) as Partial<Config>) } : PLAIN;
  } catch {
    return PLAIN;
  }
}
