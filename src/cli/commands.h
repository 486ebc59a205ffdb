// The command groups of `hodei`, one function per file that defines them.
#pragma once

#include <vector>

#include "cli/command.h"

namespace hodei::cli {

// The whole tree.
Group BuildCommands();

Group MachineLearningGroup();               // ml_commands.cc: ml-engine, ai-platform
Group StorageGroup();                       // storage_commands.cc
Group GsutilGroup();                        // gsutil_commands.cc
Group ConfigGroup();                        // config_commands.cc
Group AuthGroup();                          // auth_commands.cc
Group ProjectsGroup();                      // project_commands.cc
Group LoggingGroup();                       // logging_commands.cc
Group JobsGroup();                          // why_command.cc: hodei jobs why
std::vector<Command> ServerCommands();      // server_commands.cc: up, down, status
std::vector<Command> DataFolderCommands();  // data_folder_commands.cc: backup, restore
Command StorageCheckCommand();              // data_folder_commands.cc: storage fsck
Command DoctorCommand();                    // doctor.cc
Command InitCommand();                      // auth_commands.cc
Command EnvCommand();                       // env_command.cc
Command CompletionCommand();                // completion.cc
Command VersionCommand();                   // registry.cc

Group ModelsGroup();                // model_commands.cc
Group VersionsGroup();              // version_commands.cc
Group OperationsGroup();            // operation_commands.cc
Group MlJobsGroup();                // job_commands.cc
Group LocalGroup();                 // local_commands.cc
Command PredictCommand();           // predict_command.cc
Command LocalPredictCommand();      // local_prediction.cc
Command SubmitTrainingCommand();    // submit_training.cc
Command SubmitPredictionCommand();  // submit_prediction.cc
Command StreamLogsCommand();        // stream_logs_command.cc

}  // namespace hodei::cli
