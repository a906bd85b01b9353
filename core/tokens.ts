// What can be injected: the things that vary or hold a resource.

export const STORE = Symbol("Store");
/** Registered once per layout. */
export const LAYOUT = Symbol("Layout");
/** The registry of all layouts. */
export const LAYOUTS = Symbol("Registry<Layout>");
/** The registry of all plugins. */
export const PLUGINS = Symbol("Registry<Plugin>");
export const REPORTER = Symbol("Reporter");
