#include "cli/ml/job_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/output/format_spec.h"
#include "cli/output/printer.h"

namespace hodei::cli {
namespace {

struct Section {
  const char* title;
  const char* member;                                        // of the job; "" for the job itself
  std::vector<std::pair<const char*, const char*>> columns;  // label, field
};

const std::vector<Section>& Sections() {
  static const std::vector<Section> sections = {
      {"Job Overview",
       "",
       {{"JOB_ID", "jobId"},
        {"CREATE_TIME", "createTime"},
        {"START_TIME", "startTime"},
        {"END_TIME", "endTime"},
        {"STATE", "state"},
        {"ERROR_MESSAGE", "errorMessage"}}},
      {"Training Input Summary",
       "trainingInput",
       {{"RUNTIME_VERSION", "runtimeVersion"},
        {"REGION", "region"},
        {"SCALE_TIER", "scaleTier"},
        {"PYTHON_MODULE", "pythonModule"},
        {"PARAMETER_SERVER_TYPE", "parameterServerType"},
        {"MASTER_TYPE", "masterType"},
        {"WORKER_TYPE", "workerType"},
        {"WORKER_COUNT", "workerCount"},
        {"PARAMETER_SERVERS", "parameterServerCount"},
        {"JOB_DIR", "jobDir"}}},
      {"Training Output Summary",
       "trainingOutput",
       {{"TRIALS", "completedTrialCount"}, {"ML_UNITS", "consumedMLUnits"}}},
      {"Prediction Input Summary",
       "predictionInput",
       {{"RUNTIME_VERSION", "runtimeVersion"},
        {"REGION", "region"},
        {"MODEL_VERSION", "versionName"},
        {"OUTPUT_PATH", "outputPath"},
        {"DATA_FORMAT", "dataFormat"}}},
      {"Prediction Output Summary",
       "predictionOutput",
       {{"PREDICTION_COUNT", "predictionCount"},
        {"ERRORS", "errorCount"},
        {"NODE_HOURS", "nodeHours"}}},
  };
  return sections;
}

std::string Indented(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    out += "    " + text.substr(at, end - at);
    at = end;
  }
  return out;
}

// Only the columns that have a value.
std::string Table(const Section& section, const Json& source) {
  std::vector<std::string> labels, cells;
  for (const auto& [label, field] : section.columns) {
    std::string text = MemberText(source, field);
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text.empty()) continue;
    labels.push_back(label);
    cells.push_back(text);
  }
  if (labels.empty()) return "";
  return RenderTable(labels, {cells}, true, section.title);
}

std::string Trials(const Json& job) {
  const Json* trials = Member(job, "trainingOutput.trials");
  if (trials == nullptr || !trials->is_array() || trials->empty()) return "";
  std::vector<Json> sorted(trials->begin(), trials->end());
  SortByKeys({"trialId"}, &sorted);
  std::vector<std::vector<std::string>> rows;
  for (const Json& trial : sorted) {
    const Json* parameters = Member(trial, "hyperparameters");
    rows.push_back({MemberText(trial, "trialId"), MemberText(trial, "finalMetric.objectiveValue"),
                    MemberText(trial, "finalMetric.trainingStep"),
                    parameters == nullptr ? "" : JsonText(*parameters)});
  }
  return RenderTable({"TRIAL", "OBJECTIVE_VALUE", "STEP", "HYPERPARAMETERS"}, rows, true,
                     "Training Output Trials");
}

}  // namespace

std::string SummarizeJob(const Json& job) {
  std::string out;
  for (const Section& section : Sections()) {
    const Json* source = *section.member == '\0' ? &job : Member(job, section.member);
    if (source == nullptr) continue;
    std::string table = Table(section, *source);
    out += *section.member == '\0' ? table : Indented(table);
  }
  return out + Indented(Trials(job));
}

}  // namespace hodei::cli
