// The pages for the three uses, each followed to its end.

import { followGuide } from "../helpers/guide.js";

/** What the suite that runs this has done. */
const BUILD = ["npm install", "npm run build"];

followGuide("plugins/README.md");
followGuide("examples/README.md", { elsewhere: BUILD });
followGuide("test/plugins/README.md", { elsewhere: ["npm run test:plugins"] });
