// The first identity: at first start there is a project, its owner's service account, and two files
// that let the person who started the server in.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/rsa_key.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

inline constexpr char kOwnerAccountId[] = "hodei-owner";

struct OwnerOptions {
  std::string data_dir;
  // Where clients reach this server now: "http://127.0.0.1:8080".
  std::string server_url;
  std::string project_id = "hodei-local";
  // Gives the pair of a new key file; GenerateRsaKey() when empty. For a start that made the pair
  // beside its other work.
  std::function<Result<RsaKeyPair>()> key_pair;
  // Leaves the key file to EnsureOwnerKey(): for a server that asks for no credential.
  bool key_later = false;
};

struct OwnerFiles {
  std::string email;
  std::string key_path;    // DIR/credentials/owner.json, 0600
  std::string token_path;  // DIR/credentials/owner.token, 0600, no line feed
};

// Makes what is missing and leaves what is there, at every start; a crash at any point is mended by
// the next call. A file that was removed is made anew, and what the old one held is revoked. When
// the server's URL changed, the key file's token_uri follows and its key stays.
// FAILED_PRECONDITION, saying what to do, when others could read the files.
Result<OwnerFiles> EnsureOwner(const OwnerOptions& options, store::MetaStore* store,
                               const Clock& clock);
// The key file alone, after EnsureOwner(); not at the same time as it.
Status EnsureOwnerKey(const OwnerOptions& options, store::MetaStore* store, const Clock& clock);

}  // namespace hodei::access
