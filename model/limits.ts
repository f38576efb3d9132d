/**
 * Bounds on everything that comes from outside, each with its reason. Sizes in bytes, times in milliseconds.
 */
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Chunk of a release image in its core: few large blocks are fast, 512 KiB still spreads over peers. */
export const RELEASE_CHUNK = 512 * KiB;
/** Sections in a release image; version 1 has two. */
export const MAX_SECTIONS = 16;
/** The `git` section: tag, commit, trees and small blobs of one release (Debian's largest manifest is ~15 MB). */
export const MAX_GIT_SECTION = 256 * MiB;
/** One git object other than a payload blob: the manifest is the largest. */
export const MAX_GIT_OBJECT = 64 * MiB;
/** Objects in one pack from outside. */
export const MAX_PACK_OBJECTS = 2_000_000;
/** A payload, uncompressed; the signed manifest then gives the exact bound. */
export const MAX_PAYLOAD = 64 * GiB;
/** One stream of a delta that is held in memory, decompressed: a gigabyte of code that moved needs some megabytes. */
export const MAX_DELTA_STREAM = 64 * MiB;
/** A file that a delta holds in memory whole, on either side; larger ones go through a window. */
export const MAX_DELTA_FILE = 32 * MiB;
/** What a .gz file may unpack to if a delta is to carry what is inside: making it again takes a second for 10 MiB. */
export const MAX_DELTA_GZIP = 16 * MiB;
/** Deltas upon deltas that a release of the past is made from: each is a release unpacked for it. */
export const MAX_DELTA_CHAIN = 16;
/** Deltas that an index entry lists. */
export const MAX_DELTAS = 8;
/** Co-signatures that an index entry lists, and the bytes of one: a tag and an RSA signature. */
export const MAX_COSIGNATURES = 16;
export const MAX_COSIGNATURE = 8 * KiB;
/** Depth of directories in a tree or a path: Linux's PATH_MAX leaves ~2,000, no package needs 128. */
export const MAX_PATH_DEPTH = 128;
/** Linux's PATH_MAX and NAME_MAX. */
export const MAX_PATH = 4095;
export const MAX_NAME = 255;
/** Entries in a manifest. */
export const MAX_MANIFEST_ENTRIES = 1_000_000;
/** Extended attributes: Linux's XATTR_NAME_MAX; how many one file has, and bytes of their names and values together: ext4 keeps them in one block of 4 KiB. */
export const MAX_XATTR_NAME = 255;
export const MAX_XATTRS = 32;
export const MAX_XATTRS_SIZE = 3 * KiB;
/** Extended attributes in one manifest: a distribution has some dozens, and a program that keeps one on each of its files some thousands. */
export const MAX_MANIFEST_XATTRS = 100_000;
/** A control paragraph; Debian's longest is ~30 KiB. */
export const MAX_CONTROL = 1 * MiB;
/** A control field. */
export const MAX_FIELD = 512 * KiB;
/** Alternatives in a clause, clauses in a field: a bound against absurd input, far above Debian's. */
export const MAX_RELATIONS = 20_000;
/** A Packages or status file for `gtpkg resolve`: ten times Debian's main; V8 holds no string over 512 MiB. */
export const MAX_PACKAGES_TEXT = 500 * MiB;
/** Architectures, and architectures after colons, in one compiled list of packages: Debian has two dozen. */
export const MAX_CATALOG_ARCHITECTURES = 1000;
/** Pins in the preferences, and their file: each is held against every release that is looked at. */
export const MAX_PINS = 1000;
export const MAX_PREFERENCES = 1 * MiB;
/** Dead ends that the resolver may run into before it gives up: Debian's worst requests need a few hundred. */
export const MAX_SOLVER_CONFLICTS = 200_000;
/** A maintainer script. */
export const MAX_SCRIPT = 16 * MiB;
/** An armoured OpenPGP signature over one object. */
export const MAX_SIGNATURE = 64 * KiB;
/** A clear-signed text: Debian's InRelease of everything is 150 KiB. */
export const MAX_CLEAR_SIGNED = 16 * MiB;
/** Signatures of one clear-signed text: each costs a verification; Debian has three. */
export const MAX_CLEAR_SIGNATURES = 16;
/** Keys in one file: all of Debian's developers are ~60 MiB with others' signatures; its archive's keys are 60 KiB. */
export const MAX_KEYRING = 16 * MiB;
export const MAX_KEYRING_PACKETS = 100_000;
/** An armoured public key: with many certifications keys grow, 10,000 signatures are an attack. */
export const MAX_PUBLIC_KEY = 1 * MiB;
/** Packets in one key, and signatures that claim to be its own: each of these costs a verification. */
export const MAX_KEY_PACKETS = 8_192;
export const MAX_KEY_SIGNATURES = 256;
/** RSA modulus: 2048 is NIST's floor until 2030; past 8192 gpg makes none, and verifying gets slow. */
export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 8192;
/** From this date on, what RSA keys below so many bits sign is refused: NIST ends 112 bits of strength with 2030. */
export const LATER_RSA_BITS = 3072;
export const LATER_RSA_DATE = new Date('2031-01-01T00:00:00Z');
/** How long before such a date people are told, milliseconds: a year, as a key of many signers takes to replace. */
export const WEAK_WARNING = 365 * 24 * 60 * 60 * 1000;
/** Keys in one index. */
export const MAX_INDEX_KEYS = 10_000;
/** The tree that holds them: 72 bytes a key. */
export const MAX_KEYS_TREE = MAX_INDEX_KEYS * 72;
/** Characters of an introduction: 64 roots and dozens of peers fit. */
export const MAX_INTRODUCTION = 16 * KiB;
/** Root keys in `authorizations`. */
export const MAX_ROOTS = 64;
/** KeyNote: one file of assertions, all those of one index or user together, and how many these may be. */
export const MAX_POLICY_FILE = 256 * KiB;
export const MAX_POLICY = 1 * MiB;
export const MAX_POLICY_FILES = 256;
export const MAX_ASSERTIONS = 1_024;
/** Parentheses, blocks and operators inside each other: people write three or four. */
export const MAX_KEYNOTE_DEPTH = 128;
/** A string that an expression makes: attributes are names and versions. */
export const MAX_KEYNOTE_STRING = 64 * KiB;
/** Steps of one query: a thousand assertions of a hundred tests each take a tenth of it, and it is done in a second. */
export const MAX_KEYNOTE_STEPS = 2_000_000;
/** Instructions of a regular expression, repetitions written out; POSIX's RE_DUP_MAX for one count. */
export const MAX_ERE_PROGRAM = 2_000;
export const MAX_ERE_REPEAT = 255;
/** A block of an index core; hypercore's own limit is 15 MiB. */
export const MAX_INDEX_BLOCK = 1 * MiB;
/** An index pack that travels as a static core: 63,000 packages are 18 MB packed. */
export const MAX_INDEX_PACK = 1 * GiB;
/** One shard: ~15 packages of a Debian-sized suite; small distributions of large entries fit too. */
export const MAX_SHARD = 8 * MiB;
/** `distribution` or `authorizations`: a few hundred bytes, 64 roots are 3 KiB. */
export const MAX_INDEX_FILE = 64 * KiB;
/** An index commit: its message has one line per change, and the list is cut at MAX_MESSAGE_CHANGES. */
export const MAX_INDEX_COMMIT = 256 * KiB;
/** Changes named in the message of an index commit; the tree says the rest. */
export const MAX_MESSAGE_CHANGES = 500;
/** An index pack up to this size rides in the index core itself: one round trip. */
export const MAX_INLINE_PACK = 64 * KiB;
/** A notice: a proposal of some packages, or two commits with the tops of their trees; what is larger travels as cores. */
export const MAX_NOTICE = 256 * KiB;
/** What the pack of a notice may unpack to, and how many objects it may hold: keys compress well, and a proposal may be a snapshot. */
export const MAX_NOTICE_UNPACKED = 64 * MiB;
/** Index cores that an index had before it moved, and whose peers are still looked for. */
export const MAX_FORMER_CORES = 4;
/** Notices kept of one index: each is signed by a root, but one root may be hostile. */
export const MAX_NOTICES = 64;
/** Segments of one suite's contents, their bytes, what one unpacks to, and a line in it: Debian's are 11 MB and 500 MB, a path is three times PATH_MAX at the worst. */
export const MAX_CONTENTS_SEGMENTS = 512;
export const MAX_CONTENTS_SEGMENT = 64 * MiB;
export const MAX_CONTENTS_UNPACKED = 2 * GiB;
export const MAX_CONTENTS_LINE = 16 * KiB;
/** A segment of contents larger than this is not written anew with others: publishing stays quick. */
export const MAX_CONTENTS_MERGE = 4 * MiB;
/** What one index sync may unpack to: four times 63,000 packages with their history. */
export const MAX_INDEX_UNPACKED = 1 * GiB;
/** Update records after which a new snapshot is due, so that a new client reads few blocks. */
export const MAX_UPDATES_BEFORE_SNAPSHOT = 256;
/** Commits that one update brings; a client that missed more takes a snapshot. */
export const MAX_UPDATE_COMMITS = 200_000;
/** How far another machine's clock may be ahead of ours before a signature or an index counts as future. */
export const CLOCK_SKEW = 5 * 60 * 1000;
/** How long an index stays valid when its maker did not say: a month, as for Debian's security suites twice over. */
export const DEFAULT_VALIDITY_DAYS = 30;

/** An .deb member that we hold in memory (control.tar, decompressed). */
export const MAX_DEB_CONTROL = 64 * MiB;
/** A data.tar, decompressed: Debian's largest package is ~5 GB. */
export const MAX_DEB_DATA = 64 * GiB;

/** Every network wait has an end. */
export const TIMEOUT = {
  /** no block, no peer, no answer for this long: give up, say so */
  idle: 20_000,
  /** finding a peer in a network that answers */
  connect: 10_000,
  /** no answer from anybody, of the DHT or by address: a dial takes 4 s to fail, a DHT node answers within one or two */
  silence: 5_000,
  /** no interface but loopback: it may just be coming up */
  noNetwork: 1_000,
  /** a TCP connection to one peer, until both ends have proven their keys */
  handshake: 5_000,
  /** answer of a local daemon */
  socket: 5_000,
  /** waiting for another process to release a lock before saying busy */
  lock: 2_000,
} as const;

/** Bad blocks from one peer before it is dropped and remembered. */
export const MAX_BAD_BLOCKS = 3;
/** Peers kept on disk. */
export const MAX_STORED_PEERS = 512;
/** Unfinished cores of which it is remembered when somebody had all of them: as many as one fetch holds open. */
export const MAX_LAST_SEEN = 512;
/** Bucket topics looked through at once: a look-up asks some 20 nodes of the DHT. */
export const MAX_BUCKETS_LOOKED = 8;
/** A core that fewer connected peers hold is rare: its bucket is announced. */
export const RARE = 3;
/** Known peers dialled at once when the network starts: the most recently seen ones. */
export const MAX_DIALS = 32;
/** How long a peer that sent corrupt blocks is refused. */
export const REFUSED_FOR = 7 * 24 * 60 * 60 * 1000;
/** Connections, all together and from one address (loopback is exempt). */
export const MAX_CONNECTIONS = 64;
export const MAX_CONNECTIONS_PER_HOST = 16;
/** Secrets named in one LAN message: 1,088 bytes, within every MTU. */
export const MAX_LAN_TAGS = 128;
/** Interfaces that the local network is searched through: container hosts have dozens that lead nowhere. */
export const MAX_LAN_NETWORKS = 16;
/** Peers remembered from the local network, and sources whose messages are counted. */
export const MAX_LAN_PEERS = 128;
/** LAN messages looked at: each costs a hash for every index core joined, so a flood costs a percent of a core. */
export const LAN_MESSAGES = { burst: 200, every: 20 } as const;
export const LAN_MESSAGES_FROM_ONE = { burst: 20, every: 500 } as const;
/** Answers sent, and nodes never heard of before that are dialled: a room full of machines fits, a flood does not. */
export const LAN_REPLIES = { burst: 40, every: 100 } as const;
export const LAN_NEWCOMERS = { burst: 32, every: 1000 } as const;
/** TCP connections whose other end has not yet proven its key, all together and from one address (loopback is exempt). */
export const MAX_HANDSHAKES = 64;
export const MAX_HANDSHAKES_PER_HOST = 8;
/** Peers found on the DHT or told by others that are dialled or may be again; the user's own come on top. */
export const MAX_CANDIDATES = 1024;
/** A connection that replicates nothing for this long may make room; after the longer time it is closed anyway. */
export const IDLE_CONNECTION = { crowded: 30_000, ever: 10 * 60_000 } as const;
/** Cores that peers may have us hold open at once, all together and over one connection; idle ones are closed. */
export const MAX_SERVED_CORES = 4096;
export const MAX_SERVED_CORES_PER_CONNECTION = 1024;
/** Cores fetched at once: 32-64 is the plateau measured; more only holds memory. */
export const MAX_PARALLEL_FETCHES = 48;
/** Cores open in one fetch, those included that no peer has offered yet. */
export const MAX_WAITING_FETCHES = 512;
/** Requests of one connection waiting for an answer: MAX_PARALLEL_FETCHES times what is asked of one core, several times over. */
export const MAX_REQUESTS = 8192;
/**
 * Blocks of one core asked from one peer at once, at least and at most, and before it is known how fast it is. What is asked for may all come before
 * the first of it is stored: 6 MiB fill a line of 60 MB/s at 100 ms, and 64 blocks cost some 30 MB of memory more.
 */
export const INFLIGHT_BLOCKS: readonly [number, number] = [2, 12];
export const FIRST_INFLIGHT_BLOCKS = 4;
/** Message kinds of the control channel between peers: the numbers beyond are refused by protomux itself. */
export const TALK_KINDS = 16;
/** Topics that one peer may name: a machine with more sources finds the rest by DHT. */
export const MAX_PEER_TOPICS = 16;
/** Addresses in one peer exchange message: enough for a client's connections, 600 bytes. */
export const MAX_EXCHANGED = 16;
/** Addresses dialled because one peer told them: at once, and milliseconds for one more. */
export const EXCHANGE_DIALS = { burst: 32, every: 10_000 } as const;
/** With this many connections, nobody is dialled any more only because a peer told the address. */
export const EXCHANGE_ENOUGH = 24;
/** What a peer may send on the control channel, for each kind: bytes, messages at once, milliseconds for one more. */
export const TALK = {
  hello: { bytes: 64, burst: 1, every: Infinity },
  join: { bytes: 32 * MAX_PEER_TOPICS, burst: 8, every: 1_000 },
  peers: { bytes: 38 * MAX_EXCHANGED, burst: 8, every: 1_000 },
  /** ids of 32 bytes behind a topic; all of one topic, and then one for each that is new */
  noticesHeld: { bytes: 32 * (1 + MAX_NOTICES), burst: 32, every: 500 },
  noticesAsk: { bytes: 32 * (1 + MAX_NOTICES), burst: 64, every: 500 },
  notice: { bytes: 32 + MAX_NOTICE, burst: MAX_NOTICES, every: 500 },
  holdsAsk: { bytes: 16, burst: 1, every: Infinity },
  /** 4,096 cores a message; MAX_HOLDS of them at once, and then what changes */
  holds: { bytes: 1 + 6 * 4096, burst: 40, every: 500 },
  /** kinds of a later version: skipped, but not without end */
  unknown: { bytes: 64 * KiB, burst: 16, every: 1_000 },
} as const;
/** A write that failed on a disk with less room than this failed for want of room: the store writes whole files of some MiB, and frees them again. */
export const FULL_DISK = 8 * MiB;
/** Cores named in one request. */
export const MAX_REFS = 200_000;
/**
 * Cores that one peer may say it holds: a mirror of all Debian has 63,000 releases, a long history of it some more. One megabyte of memory
 * a connection.
 */
export const MAX_HOLDS = 131_072;
/** Nodes that `gtpkg dht` runs: one would do, hyperdht relays handshakes through the three closest. */
export const DHT_NODES = 3;
/** A frame on the daemon socket. */
export const MAX_FRAME = 16 * MiB;
/** A static core in a bundle: the largest release, and room for its git section. */
export const MAX_STATIC_CORE = MAX_PAYLOAD + MAX_GIT_SECTION;
/** The piece of an index core in a bundle: 256 updates of MAX_INLINE_PACK are 16 MiB. */
export const MAX_BUNDLE_LOG = 64 * MiB;
/** What a bundle says is in it: MAX_REFS releases of ~150 bytes. */
export const MAX_BUNDLE_LIST = 64 * MiB;
/** Records of a bundle: MAX_REFS cores, and what else there is. */
export const MAX_BUNDLE_RECORDS = MAX_REFS + 1_000;
/** Distributions in one bundle: each costs a check of signatures. */
export const MAX_BUNDLE_SOURCES = 64;
/** A file of a root's own state (status, journal, one manifest): read whole, and ours, but disks rot. */
export const MAX_STATE_FILE = 512 * MiB;
/** Transactions that a root remembers: one a day for three years; the oldest is forgotten then. */
export const MAX_HISTORY = 1000;
/** Roots that a home remembers having changed; of the last N transactions of each, a seeder keeps what the way back needs. */
export const MAX_ROOTS_KNOWN = 64;
export const KEPT_TRANSACTIONS = 10;
/** What the history keeps of a command line, characters, and of what was told: a help for people, not a log. */
export const MAX_HISTORY_COMMAND = 2000;
export const MAX_HISTORY_NOTES = 200;
/** Notes on transactions that were taken back, bytes: some hundreds; the older half goes then. */
export const MAX_OUTCOMES = 128 * KiB;
/** Symbolic links followed on the way to one path, as Linux does (ELOOP). */
export const MAX_LINK_HOPS = 40;
/** How long one maintainer script may take, milliseconds: kernels build their modules in some of them, fonts and TeX their caches. */
export const MAX_SCRIPT_TIME = 30 * 60 * 1000;
/** What the scripts of one transaction may print; the log is a help, and the root's file system is not theirs. */
export const MAX_SCRIPT_LOG = 64 * MiB;
/** Rounds of triggers that set off further ones: dpkg's chains have two or three, more is a circle. */
export const MAX_TRIGGER_ROUNDS = 16;
/** A package's `triggers` file, and what scripts left for us to read of `dpkg-trigger`, diversions and overrides. */
export const MAX_DPKG_FILE = 16 * MiB;

/** Names that no package has, as verify lists them: whoever unpacked an archive into /usr needs to see that he did, not all of it. */
export const MAX_EXTRA_PATHS = 1000;
