/**
 * What a resolver sees of a distribution: read-only, and free to be lazy behind these two questions.
 */
import type { MultiArch, Relations } from './control.js';

/** One release that could be installed, or is. */
export interface Candidate {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly multiArch: MultiArch;
  readonly essential: boolean;
  /** name of the source it comes from; '' for one that is only installed */
  readonly source: string;
  readonly suite: string;
  readonly relations: Relations;
  /** KiB on disk */
  readonly installedSize: number;
  /** bytes to fetch */
  readonly downloadSize: number;
}

export interface Universe {
  /** every release of that name, in no particular order */
  versions(name: string): readonly Candidate[];
  /** every release whose Provides names `name`, whatever the version */
  providers(name: string): readonly Candidate[];
}
