import { testArchitecture } from "../../core/testing/architecture-tester.js";
import { published70b, smallGrouped } from "./llama-configs.js";

testArchitecture("llama3-70b", { published: [published70b], small: [smallGrouped] });
