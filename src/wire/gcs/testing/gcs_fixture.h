// What the tests of the protocols share: a bucket "bucket" of project "p", and the calls they make.
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "base/encoding.h"
#include "wire/gcs/testing/gcs_caller.h"

namespace hodei::wire::gcs::testing {

inline constexpr char kObjects[] = "/storage/v1/b/bucket/o";
inline constexpr char kUpload[] = "/upload/storage/v1/b/bucket/o";

class GcsFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  Answered Put(const std::string& name, const std::string& bytes,
               const std::string& parameters = "", const std::string& type = "text/plain");
  Answered Media(const std::string& name, const GcsCaller::HeaderList& headers = {});
  Answered Meta(const std::string& name);
  // The path and query of a new session.
  std::string StartSession(const std::string& name, const GcsCaller::HeaderList& headers = {},
                           const std::string& parameters = "");
  Answered Send(const std::string& session, const std::string& range, const std::string& bytes,
                GcsCaller::HeaderList headers = {});

  GcsCaller http;
};

// error.errors[0].reason, or "none".
std::string Reason(const Answered& answered);

}  // namespace hodei::wire::gcs::testing
