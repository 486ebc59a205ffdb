#include "wire/gcs/xml_bucket_settings.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "wire/gcs/xml_text.h"
#include "wire/xml/xml_document.h"

namespace hodei::wire::gcs {
namespace {

constexpr std::array<std::string_view, 13> kSettings = {
    "versioning", "location",      "storageClass", "acl",     "defaultObjectAcl", "cors",
    "lifecycle",  "websiteConfig", "logging",      "tagging", "encryptionConfig", "billing",
    "uploads"};

Status Malformed() {
  return InvalidArgument(
             "The XML you provided was not well-formed or did not validate against our published "
             "schema.")
      .WithReason("malformedXml");
}

Json Kept(const Bucket& bucket, const std::string& key) {
  const auto it = bucket.settings().find(key);
  return it == bucket.settings().end() ? Json() : FromValue(it->second);
}

std::string TextOf(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return {};
  return it->is_string() ? it->get<std::string>() : it->dump();
}

// <outer><inner>a</inner>…</outer> of a JSON array of strings.
void AppendList(const Json& rule, const char* key, std::string_view outer, std::string_view inner,
                std::string* out) {
  const auto it = rule.find(key);
  if (it == rule.end() || !it->is_array()) return;
  out->append(fmt::format("<{}>", outer));
  for (const Json& item : *it) {
    if (item.is_string()) AppendElement(inner, item.get<std::string>(), out);
  }
  out->append(fmt::format("</{}>", outer));
}

std::string PrintCors(const Json& cors) {
  std::string out = "<CorsConfig>";
  if (cors.is_array()) {
    for (const Json& rule : cors) {
      out += "<Cors>";
      AppendList(rule, "origin", "Origins", "Origin", &out);
      AppendList(rule, "method", "Methods", "Method", &out);
      AppendList(rule, "responseHeader", "ResponseHeaders", "ResponseHeader", &out);
      const std::string age = TextOf(rule, "maxAgeSeconds");
      if (!age.empty()) AppendElement("MaxAgeSec", age, &out);
      out += "</Cors>";
    }
  }
  return out + "</CorsConfig>";
}

Json ReadList(const XmlElement& rule, std::string_view outer, std::string_view inner) {
  Json list = Json::array();
  const XmlElement* element = rule.Child(outer);
  if (element == nullptr) return list;
  for (const XmlElement* item : element->Children(inner)) list.push_back(item->text);
  return list;
}

Result<Json> ReadCors(const XmlElement& root) {
  if (root.name != "CorsConfig") return Malformed();
  Json cors = Json::array();
  for (const XmlElement* rule : root.Children("Cors")) {
    Json out{{"origin", ReadList(*rule, "Origins", "Origin")},
             {"method", ReadList(*rule, "Methods", "Method")},
             {"responseHeader", ReadList(*rule, "ResponseHeaders", "ResponseHeader")}};
    const std::string age = rule->ChildText("MaxAgeSec");
    if (!age.empty()) {
      const std::optional<int64_t> seconds = ParseInt64(age);
      if (!seconds) return Malformed();
      out["maxAgeSeconds"] = *seconds;
    }
    cors.push_back(std::move(out));
  }
  return Json{{"cors", std::move(cors)}};
}

struct Condition {
  const char* xml;
  const char* json;
  enum Kind { kNumber, kBool, kText, kList } kind;
};
constexpr std::array<Condition, 10> kConditions = {
    {{"Age", "age", Condition::kNumber},
     {"CreatedBefore", "createdBefore", Condition::kText},
     {"CustomTimeBefore", "customTimeBefore", Condition::kText},
     {"DaysSinceCustomTime", "daysSinceCustomTime", Condition::kNumber},
     {"DaysSinceNoncurrentTime", "daysSinceNoncurrentTime", Condition::kNumber},
     {"IsLive", "isLive", Condition::kBool},
     {"MatchesPrefix", "matchesPrefix", Condition::kList},
     {"MatchesSuffix", "matchesSuffix", Condition::kList},
     {"MatchesStorageClass", "matchesStorageClass", Condition::kList},
     {"NumberOfNewerVersions", "numNewerVersions", Condition::kNumber}}};

void PrintCondition(const Json& condition, std::string* out) {
  for (const Condition& known : kConditions) {
    const auto it = condition.find(known.json);
    if (it == condition.end()) continue;
    if (it->is_array()) {
      for (const Json& item : *it) {
        if (item.is_string()) AppendElement(known.xml, item.get<std::string>(), out);
      }
    } else {
      AppendElement(known.xml, TextOf(condition, known.json), out);
    }
  }
}

std::string PrintLifecycle(const Json& lifecycle) {
  std::string out = "<LifecycleConfiguration>";
  const auto rules = lifecycle.is_object() ? lifecycle.find("rule") : lifecycle.end();
  if (lifecycle.is_object() && rules != lifecycle.end() && rules->is_array()) {
    for (const Json& rule : *rules) {
      out += "<Rule><Action>";
      const Json action = rule.value("action", Json::object());
      const std::string type = TextOf(action, "type");
      if (type == "SetStorageClass") {
        AppendElement("SetStorageClass", TextOf(action, "storageClass"), &out);
      } else if (type == "Delete" || type == "AbortIncompleteMultipartUpload") {
        out += fmt::format("<{}/>", type);
      }
      out += "</Action><Condition>";
      PrintCondition(rule.value("condition", Json::object()), &out);
      out += "</Condition></Rule>";
    }
  }
  return out + "</LifecycleConfiguration>";
}

Result<Json> ReadCondition(const XmlElement& element) {
  Json out = Json::object();
  for (const XmlElement& child : element.children) {
    const Condition* known = nullptr;
    for (const Condition& candidate : kConditions) {
      if (child.name == candidate.xml) known = &candidate;
    }
    if (known == nullptr) return Malformed();
    const std::string text = element.ChildText(child.name);
    if (known->kind == Condition::kNumber) {
      const std::optional<int64_t> number = ParseInt64(text);
      if (!number || *number < 0) return Malformed();
      out[known->json] = *number;
    } else if (known->kind == Condition::kBool) {
      if (text != "true" && text != "false") return Malformed();
      out[known->json] = text == "true";
    } else if (known->kind == Condition::kList) {
      if (!out.contains(known->json)) out[known->json] = Json::array();
      out[known->json].push_back(child.text);
    } else {
      out[known->json] = text;
    }
  }
  return out;
}

Result<Json> ReadLifecycle(const XmlElement& root) {
  if (root.name != "LifecycleConfiguration") return Malformed();
  Json rules = Json::array();
  for (const XmlElement* rule : root.Children("Rule")) {
    const XmlElement* action = rule->Child("Action");
    const XmlElement* condition = rule->Child("Condition");
    if (action == nullptr || condition == nullptr || action->children.size() != 1) {
      return Malformed();
    }
    const std::string& type = action->children[0].name;
    Json out{{"type", type}};
    if (type == "SetStorageClass") out["storageClass"] = action->ChildText("SetStorageClass");
    ASSIGN_OR_RETURN(Json wanted, ReadCondition(*condition));
    rules.push_back(Json{{"action", std::move(out)}, {"condition", std::move(wanted)}});
  }
  return Json{{"lifecycle", {{"rule", std::move(rules)}}}};
}

std::string PrintTagging(const Bucket& bucket) {
  std::string out = "<Tagging><TagSet>";
  const std::map<std::string, std::string> sorted(bucket.labels().begin(), bucket.labels().end());
  for (const auto& [key, value] : sorted) {
    out += "<Tag>";
    AppendElement("Key", key, &out);
    AppendElement("Value", value, &out);
    out += "</Tag>";
  }
  return out + "</TagSet></Tagging>";
}

Result<Json> ReadTagging(const XmlElement& root) {
  const XmlElement* set = root.Child("TagSet");
  if (root.name != "Tagging" || set == nullptr) return Malformed();
  Json labels = Json::object();
  for (const XmlElement* tag : set->Children("Tag")) {
    labels[tag->ChildText("Key")] = tag->ChildText("Value");
  }
  return Json{{"labels", std::move(labels)}};
}

// <Root><XmlName>text</XmlName>…</Root> of an object of strings, and back.
struct Flat {
  std::string_view setting;
  const char* root;
  const char* json;
  std::array<std::pair<const char*, const char*>, 2> fields;
};
constexpr std::array<Flat, 2> kFlat = {
    {{"websiteConfig",
      "WebsiteConfiguration",
      "website",
      {{{"MainPageSuffix", "mainPageSuffix"}, {"NotFoundPage", "notFoundPage"}}}},
     {"logging",
      "Logging",
      "logging",
      {{{"LogBucket", "logBucket"}, {"LogObjectPrefix", "logObjectPrefix"}}}}}};

const Flat* FlatOf(std::string_view setting) {
  for (const Flat& flat : kFlat) {
    if (flat.setting == setting) return &flat;
  }
  return nullptr;
}

std::string PrintFlat(const Flat& flat, const Bucket& bucket) {
  const Json json = Kept(bucket, flat.json);
  std::string out = fmt::format("<{}>", flat.root);
  for (const auto& [xml, key] : flat.fields) {
    const std::string text = json.is_object() ? TextOf(json, key) : "";
    if (!text.empty()) AppendElement(xml, text, &out);
  }
  return out + fmt::format("</{}>", flat.root);
}

Result<Json> ReadFlat(const Flat& flat, const XmlElement& root) {
  if (root.name != flat.root) return Malformed();
  Json out = Json::object();
  for (const auto& [xml, key] : flat.fields) {
    const std::string text = root.ChildText(xml);
    if (!text.empty()) out[key] = text;
  }
  if (out.empty()) return Json{{flat.json, nullptr}};
  return Json{{flat.json, std::move(out)}};
}

}  // namespace

std::string_view XmlSettingOf(const Query& query) {
  for (const std::string_view name : kSettings) {
    if (query.Has(name)) return name;
  }
  return {};
}

std::string PrintXmlAcl(const Json& list) {
  std::string out = "<AccessControlList><Owner/><Entries>";
  for (const Json& entry : list) {
    const std::string entity = TextOf(entry, "entity");
    const std::string role = TextOf(entry, "role");
    const char* permission = role == "OWNER" ? "FULL_CONTROL" : role == "WRITER" ? "WRITE" : "READ";
    out += "<Entry>";
    if (entity == "allUsers" || entity == "allAuthenticatedUsers") {
      out += fmt::format("<Scope type='{}'/>",
                         entity == "allUsers" ? "AllUsers" : "AllAuthenticatedUsers");
    } else {
      out += "<Scope type='UserByEmail'>";
      AppendElement("EmailAddress", entity.starts_with("user-") ? entity.substr(5) : entity, &out);
      out += "</Scope>";
    }
    AppendElement("Permission", permission, &out);
    out += "</Entry>";
  }
  return out + "</Entries></AccessControlList>";
}

Result<Json> ReadXmlAcl(std::string_view document, std::string_view kind) {
  ASSIGN_OR_RETURN(const XmlElement root, ParseXml(document));
  const XmlElement* entries = root.Child("Entries");
  if (root.name != "AccessControlList" || entries == nullptr) return Malformed();
  Json list = Json::array();
  for (const XmlElement* entry : entries->Children("Entry")) {
    const XmlElement* scope = entry->Child("Scope");
    if (scope == nullptr) return Malformed();
    const std::string_view type = scope->Attribute("type");
    std::string entity = "user-" + scope->ChildText("EmailAddress");
    if (type == "AllUsers") entity = "allUsers";
    if (type == "AllAuthenticatedUsers") entity = "allAuthenticatedUsers";
    const std::string permission = entry->ChildText("Permission");
    const char* role = permission == "FULL_CONTROL" ? "OWNER"
                       : permission == "WRITE"      ? "WRITER"
                       : permission == "READ"       ? "READER"
                                                    : nullptr;
    if (role == nullptr || entity == "user-") return Malformed();
    list.push_back(Json{{"kind", kind}, {"entity", entity}, {"role", role}});
  }
  return list;
}

Result<std::string> PrintXmlSetting(std::string_view setting, const Bucket& bucket) {
  std::string out(kXmlProlog);
  if (const Flat* flat = FlatOf(setting)) return out + PrintFlat(*flat, bucket);
  if (setting == "versioning") {
    if (!bucket.has_versioning()) return out + "<VersioningConfiguration/>";
    return out +
           fmt::format("<VersioningConfiguration><Status>{}</Status></VersioningConfiguration>",
                       bucket.versioning().enabled() ? "Enabled" : "Suspended");
  }
  if (setting == "cors") return out + PrintCors(Kept(bucket, "cors"));
  if (setting == "lifecycle") return out + PrintLifecycle(Kept(bucket, "lifecycle"));
  if (setting == "tagging") return out + PrintTagging(bucket);
  if (setting == "acl" || setting == "defaultObjectAcl") {
    const Json list = Kept(bucket, std::string(setting));
    return out + PrintXmlAcl(list.is_array() ? list : Json::array());
  }
  if (setting == "encryptionConfig") return out + "<EncryptionConfiguration/>";
  if (setting == "billing") {
    return out +
           "<BillingConfiguration><RequesterPays>Disabled</RequesterPays>"
           "</BillingConfiguration>";
  }
  if (setting == "location") {
    AppendElement("LocationConstraint", bucket.location(), &out);
    return out;
  }
  if (setting == "storageClass") {
    AppendElement("StorageClass", bucket.storage_class(), &out);
    return out;
  }
  return Status(Unimplemented("This bucket setting has no XML form here."));
}

Result<Json> ReadXmlSetting(std::string_view setting, std::string_view document) {
  if (setting == "acl" || setting == "defaultObjectAcl") {
    ASSIGN_OR_RETURN(Json list,
                     ReadXmlAcl(document, setting == "acl" ? "storage#bucketAccessControl"
                                                           : "storage#objectAccessControl"));
    return Json{{std::string(setting), std::move(list)}};
  }
  ASSIGN_OR_RETURN(const XmlElement root, ParseXml(document));
  if (const Flat* flat = FlatOf(setting)) return ReadFlat(*flat, root);
  if (setting == "cors") return ReadCors(root);
  if (setting == "lifecycle") return ReadLifecycle(root);
  if (setting == "tagging") return ReadTagging(root);
  if (setting == "versioning") {
    const std::string status = root.ChildText("Status");
    if (status != "Enabled" && status != "Suspended") return Malformed();
    return Json{{"versioning", {{"enabled", status == "Enabled"}}}};
  }
  if (setting == "storageClass") return Json{{"storageClass", root.text}};
  return Status(Unimplemented("This bucket setting cannot be set in XML here."));
}

}  // namespace hodei::wire::gcs
