#include "serve/xgboost_loader.h"

#include <fmt/format.h>
#include <unistd.h>

#include "engine/child_process.h"
#include "engine/probe.h"
#include "engine/xgboost_json.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

constexpr size_t kModelBytesMax = size_t{2} << 30;
// The child's first line: a verdict and its words.
constexpr std::string_view kSame = "same ";        // what follows the line is the model as JSON
constexpr std::string_view kLibrary = "library ";  // the library must serve; why
constexpr std::string_view kFailed = "failed ";    // the model cannot be loaded; the loader's words

Result<engine::LoadOptions> OptionsOf(const XgboostSource& source) {
  engine::LoadOptions options;
  options.model_dir = source.model_dir;
  options.package_dirs = source.package_dirs;
  options.threads = source.threads;
  if (!source.model_file.empty()) {
    ASSIGN_OR_RETURN(options.model, ReadFile(source.model_file, kModelBytesMax));
  }
  return options;
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

// The model as JSON when our trees answer as the library does.
Result<std::string> Compile(engine::NativeModel* model) {
  ASSIGN_OR_RETURN(std::string text, model->Export());
  ASSIGN_OR_RETURN(engine::XgboostTrees trees, engine::ReadXgboostJson(text));
  std::vector<engine::Tensor> rows;
  rows.push_back(engine::ProbeRows(trees.thresholds, engine::kProbeRows, true));
  ASSIGN_OR_RETURN(auto theirs, model->Run(0, rows, engine::Deadline::max()));
  ASSIGN_OR_RETURN(auto ours, trees.model->Run(0, rows, engine::Deadline::max()));
  RETURN_IF_ERROR(engine::CompareAnswers(ours[0], theirs[0]));
  return text;
}

void Print(std::string_view verdict, std::string_view words, std::string_view text) {
  std::string out(verdict);
  out += OneLine(std::string(words));
  out += '\n';
  out += text;
  // A reader that has gone needs no answer.
  (void)WriteAll(STDOUT_FILENO, out).ok();
}

Result<std::unique_ptr<LoadedModel>> LoadLibrary(const XgboostSource& source,
                                                 const ProgramPaths& paths, std::string reason) {
  auto loaded = std::make_unique<LoadedModel>();
  ASSIGN_OR_RETURN(loaded->native_engine,
                   engine::NativeEngine::Open(paths.engines_dir + "/xgboost.so"));
  ASSIGN_OR_RETURN(engine::LoadOptions options, OptionsOf(source));
  ASSIGN_OR_RETURN(loaded->model, loaded->native_engine->Load(options));
  loaded->engine = "xgboost-c";
  loaded->engine_reason = std::move(reason);
  return loaded;
}

}  // namespace

Result<std::unique_ptr<LoadedModel>> LoadXgboost(const XgboostSource& source,
                                                 const ProgramPaths& paths) {
  std::vector<std::string> argv = {paths.self, "--compile-xgboost", paths.engines_dir,
                                   source.model_dir, source.model_file};
  argv.insert(argv.end(), source.package_dirs.begin(), source.package_dirs.end());
  ASSIGN_OR_RETURN(engine::ProgramOutput output, engine::RunToEnd(argv, kModelBytesMax));
  const size_t line = std::min(output.text.find('\n'), output.text.size());
  const std::string_view verdict = std::string_view(output.text).substr(0, line);
  if (verdict.starts_with(kFailed)) {
    return engine::ModelError(engine::Fault::kLoad, std::string(verdict.substr(kFailed.size())));
  }
  std::unique_ptr<LoadedModel> loaded;
  if (verdict.starts_with(kSame)) {
    ASSIGN_OR_RETURN(engine::XgboostTrees trees,
                     engine::ReadXgboostJson(std::string_view(output.text).substr(line + 1)));
    loaded = std::make_unique<LoadedModel>();
    loaded->model = std::move(trees.model);
    loaded->engine = "flat-trees";
    loaded->engine_reason = verdict.substr(kSame.size());
  } else if (verdict.starts_with(kLibrary)) {
    ASSIGN_OR_RETURN(loaded,
                     LoadLibrary(source, paths, std::string(verdict.substr(kLibrary.size()))));
  } else {
    return engine::ModelError(
        engine::Fault::kLoad,
        fmt::format("the library ended with status {} while it loaded the model",
                    output.exit_code));
  }
  loaded->framework = "XGBOOST";
  loaded->rules.null_is_nan = true;
  return loaded;
}

int CompileXgboostMain(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) return 2;
  XgboostSource source;
  source.model_dir = arguments[1];
  source.model_file = arguments[2];
  source.package_dirs.assign(arguments.begin() + 3, arguments.end());
  Result<std::unique_ptr<engine::NativeEngine>> engine =
      engine::NativeEngine::Open(arguments[0] + "/xgboost.so");
  Result<engine::LoadOptions> options = OptionsOf(source);
  Status status = !engine.ok() ? engine.status() : options.status();
  std::unique_ptr<engine::NativeModel> model;
  if (status.ok()) {
    Result<std::unique_ptr<engine::NativeModel>> loaded = (*engine)->Load(*options);
    status = loaded.status();
    if (loaded.ok()) model = std::move(loaded).value();
  }
  if (model == nullptr) {
    Print(kFailed, status.message(), "");
    return 0;
  }
  const Result<std::string> text = Compile(model.get());
  if (text.ok()) {
    Print(kSame, fmt::format("{} probe rows: the answers are the library's", engine::kProbeRows),
          *text);
  } else {
    Print(kLibrary, text.status().message(), "");
  }
  // The library's threads are not waited for.
  _exit(0);
}

}  // namespace hodei::serve
