#include "wire/gcs/post_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "wire/gcs/json_text.h"

namespace hodei::wire::gcs {
namespace {

Status Malformed(std::string_view what) {
  return InvalidArgument(fmt::format("Invalid policy document: {}.", what))
      .WithReason("malformedPolicy");
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// A value of a condition: a string by the book, a number from some signers.
std::optional<std::string> TextOf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return std::to_string(value.get<int64_t>());
  return std::nullopt;
}

std::optional<uint64_t> SizeOf(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const std::string& text = value.get_ref<const std::string&>();
  if (text.empty() || text.size() > 18 ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return std::stoull(text);
}

// ["content-length-range", MIN, MAX], ["starts-with", "$FIELD", "PREFIX"], ["eq", "$FIELD",
// "TEXT"].
Status ReadListCondition(const Json& item, PostPolicy* policy) {
  if (item.size() != 3 || !item[0].is_string()) return Malformed("a condition has three parts");
  const std::string kind = Lower(item[0].get<std::string>());
  if (kind == "content-length-range") {
    const std::optional<uint64_t> low = SizeOf(item[1]);
    const std::optional<uint64_t> high = SizeOf(item[2]);
    if (!low || !high || *low > *high) return Malformed("content-length-range");
    // Several ranges all hold.
    policy->size_min = std::max(policy->size_min, *low);
    policy->size_max = std::min(policy->size_max, *high);
    return OkStatus();
  }
  const std::optional<std::string> field = TextOf(item[1]);
  const std::optional<std::string> value = TextOf(item[2]);
  if (!field || field->size() < 2 || field->front() != '$' || !value) {
    return Malformed("a condition names a field and a text");
  }
  PolicyCondition condition;
  if (kind == "starts-with") {
    condition.kind = PolicyCondition::Kind::kStartsWith;
  } else if (kind != "eq") {
    return Malformed("unknown kind of condition");
  }
  condition.field = Lower(std::string_view(*field).substr(1));
  condition.value = *value;
  policy->conditions.push_back(std::move(condition));
  return OkStatus();
}

Status ReadCondition(const Json& item, PostPolicy* policy) {
  if (policy->conditions.size() >= kPolicyConditionLimit) return Malformed("too many conditions");
  if (item.is_array()) return ReadListCondition(item, policy);
  if (!item.is_object() || item.empty()) return Malformed("a condition is an object or a list");
  for (const auto& [name, value] : item.items()) {
    const std::optional<std::string> text = TextOf(value);
    if (!text || name.empty()) return Malformed("a condition's value is a text");
    policy->conditions.push_back({PolicyCondition::Kind::kEqual, Lower(name), *text});
  }
  return OkStatus();
}

// Fields that a policy cannot speak about: itself, its signature, and the bytes.
bool IsExempt(std::string_view field) {
  return field == "policy" || field == "file" || field == "signature" ||
         field == "googleaccessid" || field == "x-goog-signature" || field.starts_with("x-ignore-");
}

bool Holds(const PolicyCondition& condition, std::string_view value) {
  return condition.kind == PolicyCondition::Kind::kStartsWith ? value.starts_with(condition.value)
                                                              : value == condition.value;
}

Status Refused(std::string message) {
  return PermissionDenied("Invalid according to Policy: " + message).WithReason("forbidden");
}

}  // namespace

Result<PostPolicy> ParsePostPolicy(std::string_view text) {
  if (text.size() > kPolicyBytesLimit) return Malformed("it is too long");
  const Result<Json> json = ParseJsonObject(text);
  if (!json.ok()) return Malformed("it is not a JSON object");
  const auto expiration = json->find("expiration");
  const auto conditions = json->find("conditions");
  if (expiration == json->end() || !expiration->is_string()) return Malformed("no expiration");
  if (conditions == json->end() || !conditions->is_array()) return Malformed("no conditions");
  PostPolicy policy;
  const Result<WallTime> time = ParseRfc3339(expiration->get_ref<const std::string&>());
  if (!time.ok()) return Malformed("the expiration is no time");
  policy.expiration = *time;
  for (const Json& item : *conditions) RETURN_IF_ERROR(ReadCondition(item, &policy));
  return policy;
}

Status CheckPostPolicy(const PostPolicy& policy, const FormFields& fields, std::string_view bucket,
                       WallTime now) {
  if (now > policy.expiration) {
    return InvalidArgument("The policy document has expired.").WithReason("expiredToken");
  }
  const auto is_covered = [&policy](const std::string& name) {
    return std::any_of(policy.conditions.begin(), policy.conditions.end(),
                       [&name](const PolicyCondition& c) { return c.field == name; });
  };
  for (const PolicyCondition& condition : policy.conditions) {
    const auto it = fields.find(condition.field);
    const std::string_view value = condition.field == "bucket" ? bucket
                                   : it == fields.end()        ? std::string_view()
                                                               : std::string_view(it->second);
    if (!Holds(condition, value)) {
      return Refused(fmt::format("Policy Condition failed: field \"{}\"", condition.field));
    }
  }
  for (const auto& [name, value] : fields) {
    if (!IsExempt(name) && !is_covered(name)) {
      return Refused(fmt::format("Extra input fields: {}", name.substr(0, 100)));
    }
  }
  return OkStatus();
}

}  // namespace hodei::wire::gcs
