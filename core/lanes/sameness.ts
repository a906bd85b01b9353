// What two sides of a lane have in common.

/** What two sides have in common. Without a cast the two are one: equal bytes. */
export interface Sameness {
  /** Each element is the same number, in whatever dtype. */
  readonly values: boolean;
  /** Each of B's is A's, rounded to B's dtype. */
  readonly rounded: boolean;
}

export const isDifferent = ({ values, rounded }: Sameness): boolean => !values && !rounded;
