// Update masks and field selections from arbitrary text: nothing crashes, normalizing is
// idempotent, and applying a mask changes nothing outside of it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "google/cloud/ml/v1/version.pb.h"
#include "wire/json/field_mask.h"
#include "wire/json/field_selection.h"
#include "wire/json/print_json.h"

namespace {

using google::cloud::ml::v1::Version;

void TryMask(std::string_view text, const Version& source) {
  const auto mask = hodei::wire::ParseMask(text);
  if (!mask.ok()) return;
  const auto normal = hodei::wire::NormalizeMask(*mask, *Version::descriptor());
  if (!normal.ok()) return;
  const auto again = hodei::wire::NormalizeMask(*normal, *Version::descriptor());
  if (!again.ok() || again->SerializeAsString() != normal->SerializeAsString()) std::abort();
  Version target;
  target.set_description("old");
  hodei::wire::ApplyMask(*normal, source, &target);
  const bool covered = hodei::wire::MaskCovers(*normal, "description");
  if ((target.description() == "old") == covered) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Version version;
  version.set_name("v");
  version.set_description("new");
  version.mutable_auto_scaling()->set_min_nodes(1);
  (*version.mutable_labels())["a"] = "b";
  TryMask(text, version);
  const auto selection = hodei::wire::FieldSelection::Parse(text);
  if (selection.ok()) hodei::wire::PrintJson(version, {.fields = &*selection});
  return 0;
}
