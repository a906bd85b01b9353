// What can be injected: the things that vary or hold a resource.

export const STORE = Symbol("Store");
/** Registered once per layout. */
export const LAYOUT = Symbol("Layout");
/** The registry of all layouts. */
export const LAYOUTS = Symbol("Registry<Layout>");
/** The registry of all plugins. */
export const PLUGINS = Symbol("Registry<Plugin>");
/** The registry of executor providers, the best first. */
export const EXECUTORS = Symbol("Registry<ExecutorProvider>");
/** The registry of families' forwards. */
export const FORWARDS = Symbol("Registry<FamilyForwards>");
export const REPORTER = Symbol("Reporter");
