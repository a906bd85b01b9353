import { testArchitecture } from "../../core/testing/architecture-tester.js";
import { published8b, smallGrouped } from "./llama-configs.js";

testArchitecture("llama3-8b", { published: [published8b], small: [smallGrouped] });
