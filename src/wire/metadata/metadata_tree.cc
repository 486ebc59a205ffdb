#include "wire/metadata/metadata_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

namespace hodei::wire::metadata {
namespace {

std::string CamelCase(const std::string& name) {
  if (name.find('@') != std::string::npos) return name;
  std::string out;
  bool raise = false;
  for (const char c : name) {
    if (c == '-') {
      raise = true;
      continue;
    }
    out += raise && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    raise = false;
  }
  return out;
}

}  // namespace

Node* Node::Add(std::string name, Node child) {
  auto& children = std::get<Children>(value_);
  children.emplace_back(std::move(name), std::move(child));
  return &children.back().second;
}

const Node* Node::Find(std::string_view path) const {
  if (path.empty()) return this;
  const auto* children = std::get_if<Children>(&value_);
  if (children == nullptr) return nullptr;
  const size_t slash = path.find('/');
  const std::string_view first = path.substr(0, slash);
  for (const auto& [name, child] : *children) {
    if (name == first) {
      return slash == std::string_view::npos ? &child : child.Find(path.substr(slash + 1));
    }
  }
  return nullptr;
}

std::string Node::Listing() const {
  if (const auto* text = std::get_if<std::string>(&value_)) return *text;
  if (const auto* number = std::get_if<uint64_t>(&value_)) return std::to_string(*number);
  std::string out;
  if (const auto* members = std::get_if<std::vector<std::string>>(&value_)) {
    for (const std::string& member : *members) out += member + "\n";
    return out;
  }
  for (const auto& [name, child] : std::get<Children>(value_)) {
    out += name + (child.is_folder() ? "/\n" : "\n");
  }
  return out;
}

std::string Node::Json() const {
  if (const auto* number = std::get_if<uint64_t>(&value_)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value_)) return nlohmann::json(*text).dump();
  if (const auto* members = std::get_if<std::vector<std::string>>(&value_)) {
    return nlohmann::json(*members).dump();
  }
  std::vector<std::string> parts;
  for (const auto& [name, child] : std::get<Children>(value_)) {
    parts.push_back(nlohmann::json(CamelCase(name)).dump() + ":" + child.Json());
  }
  return fmt::format("{{{}}}", fmt::join(parts, ","));
}

std::string Node::Lines(const std::string& prefix) const {
  const auto* children = std::get_if<Children>(&value_);
  if (children == nullptr) return fmt::format("{} {}\n", prefix, Listing());
  std::string out;
  for (const auto& [name, child] : *children) {
    out += child.Lines(prefix.empty() ? name : prefix + "/" + name);
  }
  return out;
}

}  // namespace hodei::wire::metadata
