// Every plugin that ships passes the kit that authors have, on the cases beside it.

import { builtInFolders } from "../../core/architecture/load.js";
import { ArchitectureTester } from "../../core/testing/architecture-tester.js";

for (const folder of builtInFolders()) new ArchitectureTester().run(folder);
