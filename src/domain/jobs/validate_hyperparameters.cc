// What a tuning job searches over.
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "domain/jobs/job_name.h"
#include "domain/jobs/validation.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::HyperparameterSpec;
using google::cloud::ml::v1::ParameterSpec;

void CheckRange(const ParameterSpec& parameter, const std::string& field, Violations* violations) {
  if (!parameter.has_min_value() || !parameter.has_max_value()) {
    violations->Add(field, "min_value and max_value must be given.");
    return;
  }
  const double low = parameter.min_value();
  const double high = parameter.max_value();
  if (!std::isfinite(low) || !std::isfinite(high) || low > high) {
    violations->Add(field + ".min_value", "Must not be greater than max_value.");
    return;
  }
  const bool integer = parameter.type() == ParameterSpec::INTEGER;
  if (integer && (low != std::floor(low) || high != std::floor(high))) {
    violations->Add(field + ".min_value",
                    "The range of an INTEGER parameter must be of whole numbers.");
  }
  const bool logarithmic = parameter.scale_type() == ParameterSpec::UNIT_LOG_SCALE ||
                           parameter.scale_type() == ParameterSpec::UNIT_REVERSE_LOG_SCALE;
  if (logarithmic && low <= 0) {
    violations->Add(field + ".min_value", "Must be positive for a logarithmic scale.");
  }
}

void CheckCategories(const ParameterSpec& parameter, const std::string& field,
                     Violations* violations) {
  if (parameter.categorical_values().empty()) {
    violations->Add(field + ".categorical_values", "At least one value must be given.");
  }
  std::set<std::string> seen;
  for (const std::string& value : parameter.categorical_values()) {
    if (seen.insert(value).second) continue;
    violations->Add(field + ".categorical_values", "Values must be different.");
    return;
  }
}

void CheckDiscrete(const ParameterSpec& parameter, const std::string& field,
                   Violations* violations) {
  const auto& values = parameter.discrete_values();
  if (values.empty() || values.size() > kDiscreteValuesMax) {
    violations->Add(field + ".discrete_values",
                    fmt::format("Between 1 and {} values must be given.", kDiscreteValuesMax));
    return;
  }
  for (int i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && (i == 0 || values[i - 1] < values[i])) continue;
    violations->Add(field + ".discrete_values", "Must be strictly increasing.");
    return;
  }
}

void CheckParameter(const ParameterSpec& parameter, const std::string& field,
                    Violations* violations) {
  if (parameter.parameter_name().empty()) {
    violations->Add(field + ".parameter_name", "A name must be given.");
  }
  const bool has_range = parameter.has_min_value() || parameter.has_max_value();
  switch (parameter.type()) {
    case ParameterSpec::DOUBLE:
    case ParameterSpec::INTEGER:
      CheckRange(parameter, field, violations);
      break;
    case ParameterSpec::CATEGORICAL:
      CheckCategories(parameter, field, violations);
      break;
    case ParameterSpec::DISCRETE:
      CheckDiscrete(parameter, field, violations);
      break;
    default:
      violations->Add(field + ".type", "A parameter type must be given.");
      return;
  }
  const bool categorical = parameter.type() == ParameterSpec::CATEGORICAL;
  if (categorical && has_range) {
    violations->Add(field + ".min_value", "CATEGORICAL parameters have no range.");
  }
}

}  // namespace

void CheckHyperparameters(const HyperparameterSpec& spec, Violations* violations) {
  if (spec.params().empty() || spec.params_size() > kParametersMax) {
    violations->Add("hyperparameters.params",
                    fmt::format("Between 1 and {} parameters must be given.", kParametersMax));
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < spec.params_size(); ++i) {
    const std::string field = fmt::format("hyperparameters.params[{}]", i);
    CheckParameter(spec.params(i), field, violations);
    if (!names.insert(spec.params(i).parameter_name()).second) {
      violations->Add(field + ".parameter_name", "Names must be different.");
    }
    if (spec.algorithm() == HyperparameterSpec::GRID_SEARCH &&
        spec.params(i).type() == ParameterSpec::DOUBLE) {
      violations->Add(field + ".type", "GRID_SEARCH does not work with DOUBLE parameters.");
    }
  }
  if (spec.max_trials() < 0) violations->Add("hyperparameters.max_trials", "Must be positive.");
  if (spec.max_parallel_trials() < 0) {
    violations->Add("hyperparameters.max_parallel_trials", "Must be positive.");
  }
  if (spec.max_failed_trials() < 0) {
    violations->Add("hyperparameters.max_failed_trials", "Must not be negative.");
  }
  if (!spec.resume_previous_job_id().empty() && !IsJobId(spec.resume_previous_job_id())) {
    violations->Add("hyperparameters.resume_previous_job_id", "Is not a job id.");
  }
}

}  // namespace hodei::jobs
