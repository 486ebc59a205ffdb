#include "cli/ml/prediction_text.h"

#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/output/printer.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

Result<std::string> ReadInput(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  Result<std::string> text = ReadFile(path, kInstancesBytesLimit);
  if (text.ok() || text.status().code() != Code::kNotFound) return text;
  return NotFound(fmt::format("Unable to read file [{0}]: No such file or directory: '{0}'", path));
}

Result<Json> ReadRequest(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadInput(path));
  Result<Json> request = ParseJsonText(text);
  if (!request.ok()) {
    return InvalidArgument(
        "Input instances are not in JSON format. See \"hodei ml-engine predict "
        "--help\" for details.");
  }
  const Json* instances = Member(*request, "instances");
  if (instances == nullptr || !instances->is_array()) {
    return InvalidArgument(
        "Invalid instances in JSON request file: it needs an \"instances\" list.");
  }
  if (instances->empty()) return InvalidArgument("No valid instance was found in input file.");
  return *instances;
}

std::string PythonString(const std::string& text) {
  bool single = text.find('\'') != text.npos && text.find('"') == text.npos;
  char quote = single ? '"' : '\'';
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string PythonFloat(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = JsonText(value);  // the shortest digits that read back the same
  return text;
}

// A cell: strings bare, everything else as Python writes it.
std::string Cell(const Json& value) {
  return value.is_string() ? value.get<std::string>() : PythonText(value);
}

std::string ObjectTable(const Json& predictions) {
  std::vector<std::string> keys, headings;
  for (const auto& [key, value] : predictions.front().items()) {
    keys.push_back(key);
    std::string heading = key;
    for (char& c : heading) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    headings.push_back(std::move(heading));
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& prediction : predictions) {
    std::vector<std::string> row;
    for (const std::string& key : keys) {
      bool there = prediction.is_object() && prediction.contains(key);
      row.push_back(there ? Cell(prediction[key]) : "");
    }
    rows.push_back(std::move(row));
  }
  return RenderTable(headings, rows, false);
}

}  // namespace

std::string PythonText(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_string()) return PythonString(value.get<std::string>());
  if (value.is_number_float()) return PythonFloat(value.get<double>());
  if (!value.is_structured()) return JsonText(value);
  std::string out;
  bool object = value.is_object();
  for (const auto& [key, member] : value.items()) {
    if (!out.empty()) out += ", ";
    out += (object ? PythonString(key) + ": " : "") + PythonText(member);
  }
  return object ? "{" + out + "}" : "[" + out + "]";
}

Result<Json> ReadInstances(const CommandLine& line, size_t limit) {
  if (line.Has("json-request")) return ReadRequest(line.Text("json-request"));
  bool json = line.Has("json-instances");
  ASSIGN_OR_RETURN(std::string text,
                   ReadInput(line.Text(json ? "json-instances" : "text-instances")));
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  Json instances = Json::array();
  for (size_t at = text.rfind(kByteOrderMark, 0) == 0 ? 3 : 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string row = text.substr(at, end - at);
    at = end + 1;
    if (!row.empty() && row.back() == '\r') row.pop_back();
    if (row.empty()) return InvalidArgument("Empty line is not allowed in the instances file.");
    if (limit > 0 && instances.size() == limit) {
      return InvalidArgument(fmt::format(
          "The hodei CLI can currently process no more than {} instances per file. Please use the "
          "API directly if you need to send more.",
          limit));
    }
    if (!json) {
      instances.push_back(row);
      continue;
    }
    Result<Json> instance = ParseJsonText(row);
    if (!instance.ok()) {
      return InvalidArgument(
          "Input instances are not in JSON format. See \"hodei ml-engine predict "
          "--help\" for details.");
    }
    instances.push_back(std::move(*instance));
  }
  if (instances.empty()) return InvalidArgument("No valid instance was found in input file.");
  return instances;
}

const std::vector<std::string>& InstanceFlagNames() {
  static const std::vector<std::string> names = {"json-instances", "json-request",
                                                 "text-instances"};
  return names;
}

std::vector<Flag> InstanceFlags() {
  return {TextFlag("json-instances", "FILE",
                   "File with one JSON instance a line; - for standard "
                   "input."),
          TextFlag("json-request", "FILE", "File with a JSON request: {\"instances\": [...]}."),
          TextFlag("text-instances", "FILE", "File with one text instance a line."),
          TextFlag("signature-name", "NAME", "Signature of the model to use.")};
}

Result<int> PrintPredictions(Context& context, const Json& answer) {
  if (context.line().Has("format")) return context.Print(answer);
  const Json* predictions = Member(answer, "predictions");
  if (predictions == nullptr || !predictions->is_array()) return context.Print(answer, "json");
  if (predictions->empty()) return 0;
  if (predictions->front().is_object()) {
    context.console().Out(ObjectTable(*predictions));
  } else {
    context.console().Out(PythonText(*predictions) + "\n");
  }
  return 0;
}

}  // namespace hodei::cli
