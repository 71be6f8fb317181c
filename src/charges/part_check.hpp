// Phase 3: what follows when the last charge of a part has ended. Its list is written, put into the
// file store, and believed only when the store shows it; the part that is a run's last also makes
// the run finished and mails the summary, one for each audience.
//
// What must stay true: doing it again, or at the same time elsewhere, lists once and tells once. A
// store that fails delays the end of the run and loses nothing: the part shows why, the work is
// tried again without end, and after a while people are told that it fails.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/secret.hpp"
#include "charges/part_check_store.hpp"
#include "files/file_store.hpp"
#include "files/link.hpp"
#include "files/store_verified.hpp"

namespace carryall::charges {

struct CheckSettings {
    std::shared_ptr<files::FileStore> store;
    files::LinkSettings links;  // without a URL, files that are too large are not mailed
    std::filesystem::path scratch_directory = std::filesystem::temp_directory_path();
    files::VerifyPace pace;
    // A list that cannot be stored for so long is told, once, to administrators and billing.
    std::chrono::seconds tell_failure_after{3'600};
};

struct PartChecked {
    bool is_done = false;                   // nothing is left to be done for this settling
    std::chrono::milliseconds again_in{0};  // if it is not done
    bool is_listed = false;                 // by this call
    bool is_run_finished = false;           // by this call
};
Result<PartChecked> check_part(db::Connection& connection, const base::MasterKey& key,
                               const CheckSettings& settings, const PartId& part);

// How long to wait after storing has failed for so long: longer and longer, up to 15 minutes.
std::chrono::seconds store_again_in(std::chrono::seconds failing_for);

}  // namespace carryall::charges
