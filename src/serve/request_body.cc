#include "serve/request_body.h"

#include <fmt/format.h>

#include "base/json_integers.h"
#include "engine/model.h"
#include "serve/input_builder.h"

namespace hodei::serve {
namespace {

namespace ondemand = simdjson::ondemand;
using engine::DType;
using engine::Fault;
using engine::ModelError;
using engine::Signature;

// A parser's buffers are a few times its text; above this they are not worth keeping.
constexpr size_t kKeptParserBytes = 4 << 20;

Status Invalid(std::string message) { return ModelError(Fault::kInputs, std::move(message)); }

// Everything about one body: where its instances are, and which signature it names.
class Reader {
 public:
  Reader(const std::vector<Signature>& signatures, const BodyRules& rules)
      : signatures_(signatures), rules_(rules) {}

  Result<ParsedRequest> Read(ondemand::parser* parser, std::string_view body);

 private:
  Status ReadFields(ondemand::document* document);
  Status ReadAgain(ondemand::parser* parser, simdjson::padded_string_view padded);
  Status ReadInstances(ondemand::value value);
  Status AddInstance(ondemand::value value);
  Status AddObject(ondemand::object object);
  void Restart(size_t signature);

  const std::vector<Signature>& signatures_;
  const BodyRules& rules_;
  size_t signature_ = 0;
  std::vector<InputBuilder> builders_;
  std::string named_;  // signature_name of the body
  bool has_name_ = false;
  bool has_instances_ = false;
  bool other_keys_ = false;
  int64_t rows_ = 0;
};

void Reader::Restart(size_t signature) {
  signature_ = signature;
  builders_.clear();
  rows_ = 0;
  has_instances_ = false;
  for (const engine::TensorSpec& input : signatures_[signature].inputs) {
    builders_.emplace_back(&input, rules_.null_is_nan);
  }
}

// An object is one instance of named inputs, unless the only input is text and it says {"b64": …}.
Status Reader::AddInstance(ondemand::value value) {
  ondemand::object object;
  const simdjson::error_code error = value.get_object().get(object);
  if (error != simdjson::SUCCESS && error != simdjson::INCORRECT_TYPE) return NotJson(error);
  if (error == simdjson::SUCCESS) {
    if (builders_.size() == 1 && signatures_[signature_].inputs[0].dtype == DType::kString) {
      bool bytes = false;
      for (auto field : object) {
        std::string_view key;
        if (simdjson::error_code failed = field.unescaped_key().get(key)) return NotJson(failed);
        bytes = key == "b64";
        break;
      }
      if (simdjson::error_code failed = object.reset().error()) return NotJson(failed);
      if (bytes) return builders_[0].AddBytes(object);
    }
    return AddObject(object);
  }
  if (builders_.size() != 1) {
    return Invalid(fmt::format("instance {} must be an object with the model's {} inputs", rows_,
                               builders_.size()));
  }
  return builders_[0].Add(value);
}

Status Reader::AddObject(ondemand::object object) {
  const std::vector<engine::TensorSpec>& inputs = signatures_[signature_].inputs;
  for (auto field : object) {
    std::string_view key;
    if (simdjson::error_code error = field.unescaped_key().get(key)) return NotJson(error);
    size_t at = 0;
    while (at < inputs.size() && inputs[at].name != key) ++at;
    if (at == inputs.size()) {
      Status status =
          inputs.size() == 1
              ? Invalid(fmt::format("Expected tensor name: {}, got tensor name: ['{}'].",
                                    inputs[0].name, key))
              : Invalid(fmt::format("Unexpected tensor name: {}", key));
      return status.WithReason(kNotNumbers);
    }
    if (builders_[at].rows() != rows_) {
      return Invalid(fmt::format("Input {} appears twice in instance {}", key, rows_));
    }
    ondemand::value value;
    if (simdjson::error_code error = field.value().get(value)) return NotJson(error);
    RETURN_IF_ERROR(builders_[at].Add(value));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (builders_[i].rows() != rows_ + 1) {
      return Invalid(
          fmt::format("Input {} was missing in at least one input instance.", inputs[i].name));
    }
  }
  return OkStatus();
}

Status Reader::ReadInstances(ondemand::value value) {
  if (has_instances_) return Invalid("\"instances\" appears twice");
  has_instances_ = true;
  ondemand::array array;
  const simdjson::error_code error = value.get_array().get(array);
  if (error == simdjson::INCORRECT_TYPE) return Invalid("\"instances\" must be a list");
  if (error != simdjson::SUCCESS) return NotJson(error);
  for (auto element : array) {
    ondemand::value instance;
    if (simdjson::error_code failed = element.get(instance)) return NotJson(failed);
    RETURN_IF_ERROR(AddInstance(instance));
    ++rows_;
  }
  if (rows_ == 0) return Invalid("\"instances\" is empty");
  return OkStatus();
}

Status Reader::ReadFields(ondemand::document* document) {
  ondemand::object object;
  if (simdjson::error_code error = document->get_object().get(object)) {
    if (error == simdjson::INCORRECT_TYPE) {
      return Invalid("the body must be an object with the list \"instances\"");
    }
    return NotJson(error);
  }
  for (auto field : object) {
    std::string_view key;
    if (simdjson::error_code error = field.unescaped_key().get(key)) return NotJson(error);
    ondemand::value value;
    if (simdjson::error_code error = field.value().get(value)) return NotJson(error);
    if (key == "instances") {
      RETURN_IF_ERROR(ReadInstances(value));
    } else if (key == "signature_name") {
      std::string_view name;
      if (value.get_string().get(name) != simdjson::SUCCESS) {
        return Invalid("\"signature_name\" must be a string");
      }
      named_ = name;
      has_name_ = true;
    } else {
      other_keys_ = true;
    }
  }
  if (document->current_location().error() != simdjson::OUT_OF_BOUNDS)
    return Invalid("the body is not JSON: text after its end");
  return OkStatus();
}

// From the start, also after an error: a document that met one is dead and cannot be rewound.
Status Reader::ReadAgain(ondemand::parser* parser, simdjson::padded_string_view padded) {
  ondemand::document document;
  if (simdjson::error_code error = parser->iterate(padded).get(document)) return NotJson(error);
  return ReadFields(&document);
}

Result<ParsedRequest> Reader::Read(ondemand::parser* parser, std::string_view body) {
  ASSIGN_OR_RETURN(size_t first, ChooseSignature(signatures_, rules_.default_signature));
  Restart(first);
  ondemand::document document;
  const simdjson::padded_string_view padded(body.data(), body.size(), body.size() + kBodyPadding);
  if (simdjson::error_code error = parser->iterate(padded).get(document)) return NotJson(error);
  Status status = ReadFields(&document);
  if (has_name_) {
    ASSIGN_OR_RETURN(size_t named, ChooseSignature(signatures_, named_));
    // The instances came before the name and were read for another signature: once more.
    if (named != signature_) {
      Restart(named);
      other_keys_ = false;
      status = ReadAgain(parser, padded);
    }
  } else if (!status.ok() && signatures_.size() > 1) {
    // The instances do not fit the default signature; the name of another may follow them.
    simdjson::dom::parser strict;
    std::string_view name;
    if (ParseWithWideIntegers(&strict, body, false)["signature_name"].get_string().get(name) ==
        simdjson::SUCCESS) {
      ASSIGN_OR_RETURN(size_t named, ChooseSignature(signatures_, name));
      if (named != signature_) {
        Restart(named);
        status = ReadAgain(parser, padded);
      }
    }
  }
  RETURN_IF_ERROR(status);
  if (!has_instances_) return Invalid("Missing \"instances\" field in request body");
  if (other_keys_) {
    // What was skipped has not been looked at closely.
    simdjson::dom::parser strict;
    if (simdjson::error_code error = ParseWithWideIntegers(&strict, body, false).error()) {
      return NotJson(error);
    }
  }
  ParsedRequest request;
  request.signature = signature_;
  request.rows = rows_;
  for (InputBuilder& builder : builders_) {
    ASSIGN_OR_RETURN(engine::Tensor tensor, builder.Finish());
    request.inputs.push_back(std::move(tensor));
  }
  return request;
}

}  // namespace

Result<size_t> ChooseSignature(const std::vector<Signature>& signatures, std::string_view name) {
  if (name.empty() && signatures.size() == 1) return size_t{0};
  const std::string_view wanted = name.empty() ? std::string_view("serving_default") : name;
  for (size_t i = 0; i < signatures.size(); ++i) {
    if (signatures[i].name == wanted) return i;
  }
  return Invalid(fmt::format("No signature found for signature key {}.", wanted));
}

Result<ParsedRequest> ParseRequest(std::string_view body, const std::vector<Signature>& signatures,
                                   const BodyRules& rules) {
  thread_local ondemand::parser kept;
  Reader reader(signatures, rules);
  if (body.size() <= kKeptParserBytes) return reader.Read(&kept, body);
  ondemand::parser large;
  return reader.Read(&large, body);
}

bool TakesRecords(const Signature& signature) {
  return signature.inputs.size() == 1 && signature.inputs[0].dtype == DType::kString &&
         (!signature.inputs[0].known_rank || signature.inputs[0].shape.size() == 1);
}

Result<ParsedRequest> RecordsRequest(const std::vector<std::string_view>& records,
                                     const std::vector<Signature>& signatures, size_t signature) {
  if (!TakesRecords(signatures[signature])) {
    return Invalid("the model does not take whole records: it needs a single string input");
  }
  ParsedRequest request;
  request.signature = signature;
  request.rows = static_cast<int64_t>(records.size());
  engine::Tensor tensor;
  tensor.dtype = DType::kString;
  tensor.shape = {request.rows};
  for (std::string_view record : records) tensor.AppendString(std::string(record));
  request.inputs.push_back(std::move(tensor));
  return request;
}

}  // namespace hodei::serve
