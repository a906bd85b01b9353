// The one door to tsyringe. reflect-metadata must be loaded before it, or tsyringe throws at import.

import "reflect-metadata";

export { container, type DependencyContainer, inject, injectable } from "tsyringe";
