import { defineConfig } from 'vite';

export default defineConfig({
  base: '/graphiql/',
  build: {
    // The editor is one chunk of some megabytes, loaded from the same machine or the same house.
    chunkSizeWarningLimit: 4096,
    reportCompressedSize: false,
    // React's libraries mark server and client parts, which says nothing to a page without a server part.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
});
