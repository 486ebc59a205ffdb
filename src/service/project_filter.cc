#include "service/project_filter.h"

#include <fmt/format.h>

#include <optional>

#include "base/ascii.h"

namespace hodei::service {
namespace {

using google::cloud::resourcemanager::v1::Project;

// Absent when the project has no such label.
std::optional<std::string> FieldOf(const Project& project, std::string_view field) {
  if (field == "lifecyclestate") return Project::LifecycleState_Name(project.lifecycle_state());
  if (field == "id" || field == "projectid") return project.project_id();
  if (field == "name") return project.name();
  if (field == "projectnumber") return std::to_string(project.project_number());
  const std::string_view key = field.substr(std::string_view("labels.").size());
  for (const auto& [label, value] : project.labels()) {
    if (AsciiLower(label) == key) return value;
  }
  return std::nullopt;
}

bool IsField(std::string_view field) {
  for (const std::string_view known :
       {"lifecyclestate", "id", "projectid", "name", "projectnumber"}) {
    if (field == known) return true;
  }
  return field.starts_with("labels.") && field.size() > 7;
}

Status BadFilter(std::string_view term) {
  return InvalidArgument(
             fmt::format(
                 "The filter term '{}' is not supported. Use field:value of lifecycleState, "
                 "id, name, projectNumber or labels.KEY, joined by AND.",
                 term.substr(0, 100)))
      .WithViolation({"filter", "not supported"});
}

// Cuts the next word off, honouring double quotes.
std::string NextWord(std::string_view* text) {
  std::string word;
  bool quoted = false;
  while (!text->empty()) {
    const char c = text->front();
    if (!quoted && (c == ' ' || c == '\t')) {
      if (!word.empty()) break;
    } else if (c == '"') {
      quoted = !quoted;
    } else {
      word += c;
    }
    text->remove_prefix(1);
  }
  return word;
}

}  // namespace

Result<ProjectFilter> ProjectFilter::Parse(std::string_view text) {
  if (text.size() > kMaxBytes) return BadFilter(text);
  ProjectFilter filter;
  while (true) {
    const std::string word = NextWord(&text);
    if (word.empty()) return filter;
    if (word == "AND") continue;
    const size_t operation = word.find_first_of(":=");
    if (operation == std::string::npos || operation == 0) return BadFilter(word);
    Term term{AsciiLower(std::string_view(word).substr(0, operation)),
              AsciiLower(std::string_view(word).substr(operation + 1))};
    if (!IsField(term.field) || term.value.empty()) return BadFilter(word);
    if (term.value.back() == '*') {
      term.is_prefix = true;
      term.value.pop_back();
    }
    filter.terms_.push_back(std::move(term));
  }
}

bool ProjectFilter::Matches(const Project& project) const {
  for (const Term& term : terms_) {
    const std::optional<std::string> value = FieldOf(project, term.field);
    if (!value) return false;
    const std::string lower = AsciiLower(*value);
    if (term.is_prefix ? !lower.starts_with(term.value) : lower != term.value) return false;
  }
  return true;
}

}  // namespace hodei::service
