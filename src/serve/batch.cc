#include "serve/batch.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>

#include "base/encoding.h"
#include "serve/number_row.h"
#include "serve/prediction_service.h"
#include "serve/records.h"

namespace hodei::serve {
namespace {

constexpr std::string_view kRecordType = "application/x-tfrecord";

struct BatchQuery {
  std::string signature_name;
  int64_t batch_size = 64;
  bool csv = false;
};

Result<BatchQuery> ParseQuery(std::string_view query) {
  BatchQuery parsed;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view key = pair.substr(0, equals);
    ASSIGN_OR_RETURN(std::string value,
                     PercentDecode(pair.substr(std::min(equals + 1, pair.size())), true));
    if (key == "signature_name") {
      parsed.signature_name = value;
    } else if (key == "batch_size") {
      const auto read =
          std::from_chars(value.data(), value.data() + value.size(), parsed.batch_size);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size() ||
          parsed.batch_size < 1 || parsed.batch_size > kBatchSizeMax) {
        return InvalidArgument(fmt::format("batch_size must be from 1 to {}", kBatchSizeMax));
      }
    } else if (key == "output") {
      if (value != "json" && value != "csv") return InvalidArgument("output must be json or csv");
      parsed.csv = value == "csv";
    }
  }
  return parsed;
}

void AppendFrame(char type, std::string_view payload, std::string* out) {
  *out += type;
  const auto size = static_cast<uint32_t>(payload.size());
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  *out += payload;
}

void AppendCount(uint64_t count, std::string* out) {
  out->append(reinterpret_cast<const char*>(&count), sizeof(count));
}

void AppendCsvField(std::string_view json, std::string* out) {
  // Strings lose their JSON quotes only when they need no escapes; lists stay JSON, quoted.
  if (json.size() >= 2 && json.front() == '"' && json.find('\\') == std::string_view::npos) {
    json = json.substr(1, json.size() - 2);
  }
  if (json.find_first_of(",\"\n\r") == std::string_view::npos) {
    *out += json;
    return;
  }
  *out += '"';
  for (char c : json) {
    if (c == '"') *out += '"';
    *out += c;
  }
  *out += '"';
}

static_assert(kNumberRowPadding <= kBodyPadding);

class Scorer {
 public:
  Scorer(LoadedModel* loaded, BatchQuery query, engine::Deadline deadline)
      : loaded_(loaded), query_(std::move(query)), deadline_(deadline) {}

  Status ChooseInput(bool records);
  void Score(const std::vector<std::string_view>& records);
  std::string Frames() &&;

 private:
  Result<std::string> ScoreGroup(const std::vector<std::string_view>& group);
  template <typename T>
  std::optional<engine::Tensor> NumberRows(const std::vector<std::string_view>& group) const;
  std::optional<engine::Tensor> QuickRows(const std::vector<std::string_view>& group) const;
  Result<std::string> Run(const std::vector<engine::Tensor>& inputs, int64_t rows);
  Result<ParsedRequest> Parse(const std::vector<std::string_view>& group);
  Result<std::string> ScoreBody(size_t rows);
  Result<std::string> Lines(const std::vector<engine::Tensor>& outputs, int64_t rows);

  LoadedModel* loaded_;
  BatchQuery query_;
  engine::Deadline deadline_;
  BodyRules rules_;
  size_t signature_ = 0;
  bool whole_records_ = false;
  std::string body_;  // of the group that is scored now
  std::string results_;
  std::map<std::string, uint64_t> errors_;
  uint64_t made_ = 0;
  uint64_t failed_ = 0;
};

// Whether records are instances as they are (one string input) or JSON.
Status Scorer::ChooseInput(bool tf_records) {
  rules_ = loaded_->rules;
  if (!query_.signature_name.empty()) rules_.default_signature = query_.signature_name;
  if (loaded_->model != nullptr) {
    ASSIGN_OR_RETURN(signature_,
                     ChooseSignature(loaded_->model->signatures(), rules_.default_signature));
    whole_records_ = TakesRecords(loaded_->model->signatures()[signature_]);
  }
  if (tf_records && !whole_records_) {
    return engine::ModelError(engine::Fault::kInputs,
                              "TFRecord input needs a model with a single string input");
  }
  return OkStatus();
}

void Scorer::Score(const std::vector<std::string_view>& records) {
  const auto size = static_cast<size_t>(query_.batch_size);
  std::vector<std::string_view> group;
  for (size_t begin = 0; begin < records.size(); begin += size) {
    const size_t end = std::min(begin + size, records.size());
    group.assign(records.begin() + static_cast<ptrdiff_t>(begin),
                 records.begin() + static_cast<ptrdiff_t>(end));
    Result<std::string> lines = ScoreGroup(group);
    if (lines.ok()) {
      results_ += *lines;
      made_ += group.size();
    } else {
      errors_[engine::LibraryText(lines.status()).substr(0, kBatchErrorBytesMax)] += group.size();
      failed_ += group.size();
    }
  }
}

Result<ParsedRequest> Scorer::Parse(const std::vector<std::string_view>& group) {
  if (whole_records_) return RecordsRequest(group, loaded_->model->signatures(), signature_);
  return ParseRequest(std::string_view(body_).substr(0, body_.size() - kBodyPadding),
                      loaded_->model->signatures(), rules_);
}

template <typename T>
std::optional<engine::Tensor> Scorer::NumberRows(const std::vector<std::string_view>& group) const {
  const engine::TensorSpec& input = loaded_->model->signatures()[signature_].inputs[0];
  const auto columns = static_cast<size_t>(input.shape[1]);
  engine::Tensor tensor =
      engine::MakeTensor(input.dtype, {static_cast<int64_t>(group.size()), input.shape[1]});
  T* out = tensor.values<T>();
  for (const std::string_view line : group) {
    if (!ReadNumberRow(line, columns, out)) return std::nullopt;
    out += columns;
  }
  return tensor;
}

// The group's array when the model takes rows of reals and every line is one; else nothing.
std::optional<engine::Tensor> Scorer::QuickRows(const std::vector<std::string_view>& group) const {
  if (loaded_->model == nullptr) return std::nullopt;
  const std::vector<engine::TensorSpec>& inputs = loaded_->model->signatures()[signature_].inputs;
  if (inputs.size() != 1 || !inputs[0].known_rank || inputs[0].shape.size() != 2 ||
      inputs[0].shape[0] >= 0 || inputs[0].shape[1] <= 0) {
    return std::nullopt;
  }
  if (inputs[0].dtype == engine::DType::kFloat32) return NumberRows<float>(group);
  if (inputs[0].dtype == engine::DType::kFloat64) return NumberRows<double>(group);
  return std::nullopt;
}

Result<std::string> Scorer::Run(const std::vector<engine::Tensor>& inputs, int64_t rows) {
  ASSIGN_OR_RETURN(auto outputs, loaded_->model->Run(signature_, inputs, deadline_));
  return Lines(outputs, rows);
}

Result<std::string> Scorer::ScoreGroup(const std::vector<std::string_view>& group) {
  if (std::optional<engine::Tensor> rows = QuickRows(group)) {
    std::vector<engine::Tensor> inputs;
    inputs.push_back(std::move(*rows));
    return Run(inputs, static_cast<int64_t>(group.size()));
  }
  if (!whole_records_) {
    body_ = "{\"instances\": [";
    for (size_t i = 0; i < group.size(); ++i) {
      if (i != 0) body_ += ',';
      body_ += group[i];
    }
    body_ += "]}";
    body_.append(kBodyPadding, ' ');
  }
  if (loaded_->model == nullptr) return ScoreBody(group.size());
  Result<ParsedRequest> request = Parse(group);
  if (!request.ok() && request.status().reason() == kNotNumbers && loaded_->body_model != nullptr) {
    return ScoreBody(group.size());
  }
  RETURN_IF_ERROR(request.status());
  // A line with a comma at its top would count as two instances.
  if (request->rows != static_cast<int64_t>(group.size())) {
    return engine::ModelError(engine::Fault::kInputs, "a line is not one JSON value");
  }
  return Run(request->inputs, request->rows);
}

Result<std::string> Scorer::ScoreBody(size_t rows) {
  ASSIGN_OR_RETURN(Predictions predictions,
                   loaded_->body_model->Predict(
                       std::string_view(body_).substr(0, body_.size() - kBodyPadding), deadline_));
  if (predictions.size() != rows) {
    return engine::ModelError(
        engine::Fault::kOutputs,
        fmt::format("{} predictions for {} instances", predictions.size(), rows));
  }
  std::string lines;
  for (size_t i = 0; i < predictions.size(); ++i) {
    if (query_.csv) {
      AppendCsvField(predictions.at(i), &lines);
    } else {
      lines += predictions.at(i);
    }
    lines += '\n';
  }
  return lines;
}

Result<std::string> Scorer::Lines(const std::vector<engine::Tensor>& outputs, int64_t rows) {
  const std::vector<engine::TensorSpec>& specs = loaded_->model->signatures()[signature_].outputs;
  std::string lines;
  if (!query_.csv) {
    ASSIGN_OR_RETURN(Predictions predictions,
                     PrintPredictions(specs, outputs, rows, loaded_->named_outputs));
    lines.reserve(predictions.text.size() + predictions.size());
    for (size_t i = 0; i < predictions.size(); ++i) {
      lines += predictions.at(i);
      lines += '\n';
    }
    return lines;
  }
  std::vector<Predictions> columns;
  for (size_t k = 0; k < outputs.size(); ++k) {
    ASSIGN_OR_RETURN(Predictions column, PrintPredictions({specs[k]}, {outputs[k]}, rows, false));
    columns.push_back(std::move(column));
  }
  for (size_t i = 0; i < static_cast<size_t>(rows); ++i) {
    for (size_t k = 0; k < columns.size(); ++k) {
      if (k != 0) lines += ',';
      AppendCsvField(columns[k].at(i), &lines);
    }
    lines += '\n';
  }
  return lines;
}

std::string Scorer::Frames() && {
  std::string frames;
  if (query_.csv) {
    std::string header;
    if (loaded_->model == nullptr) {
      header = "predictions";
    } else {
      for (const auto& output : loaded_->model->signatures()[signature_].outputs) {
        if (!header.empty()) header += ',';
        AppendCsvField(output.name, &header);
      }
    }
    AppendFrame('H', header, &frames);
  }
  if (!results_.empty()) AppendFrame('R', results_, &frames);
  for (const auto& [text, count] : errors_) {
    std::string payload;
    AppendCount(count, &payload);
    AppendFrame('E', payload + text, &frames);
  }
  std::string counts;
  AppendCount(made_, &counts);
  AppendCount(failed_, &counts);
  AppendFrame('C', counts, &frames);
  return frames;
}

}  // namespace

HttpAnswer ScoreBatch(std::string_view query, std::string_view content_type, std::string_view body,
                      LoadedModel* loaded, engine::Deadline deadline) {
  Result<BatchQuery> parsed = ParseQuery(query);
  if (!parsed.ok()) return ErrorAnswer(parsed.status());
  const bool tf_records = content_type.starts_with(kRecordType);
  Scorer scorer(loaded, std::move(parsed).value(), deadline);
  if (Status status = scorer.ChooseInput(tf_records); !status.ok()) return ErrorAnswer(status);
  std::vector<std::string_view> records;
  if (tf_records) {
    Result<std::vector<std::string_view>> split = SplitTfRecords(body);
    if (!split.ok()) return ErrorAnswer(split.status());
    records = std::move(split).value();
  } else {
    records = SplitLines(body);
  }
  scorer.Score(records);
  return {200, "application/x-hodei-batch", std::move(scorer).Frames()};
}

}  // namespace hodei::serve
