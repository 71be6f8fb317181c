// The files that go with the summary mails of a run: one list as it is stored, or a ZIP of several,
// which is stored beside them. Small ones are attached, large ones linked.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "charges/part_check.hpp"

namespace carryall::charges {

// A folder in the scratch directory, gone with the object.
class ScratchFolder {
  public:
    static Result<ScratchFolder> make(const std::filesystem::path& parent);
    ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    ~ScratchFolder();
    const std::filesystem::path& path() const { return path_; }

  private:
    explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

Result<std::int64_t> bytes_of(const std::filesystem::path& file);

inline constexpr const char* kListType = "text/plain; charset=utf-8";

class SummaryFiles {
  public:
    // `folder` holds the list of `own_part` already, under its name.
    SummaryFiles(db::Connection& connection, const base::MasterKey& key,
                 const CheckSettings& settings, const PartId& own_part, const RunToTell& run,
                 const std::filesystem::path& folder);

    struct Ready {
        MailFile shown;
        std::string attachments = "[]";  // as queue_mail takes them
    };
    // For the `number`th audience of the run.
    Result<Ready> make(const Audience& audience, std::size_t number);

  private:
    Result<std::filesystem::path> fetch(const ToldPart& part);
    Result<Ready> ready(const std::string& key, const std::string& name,
                        const std::string& content_type, std::int64_t bytes,
                        std::int64_t list_count);

    db::Connection& connection_;
    const base::MasterKey& key_;
    const CheckSettings& settings_;
    const PartId& own_part_;
    const RunToTell& run_;
    const std::filesystem::path& folder_;
    std::map<int, std::filesystem::path> fetched_;  // by part number
};

}  // namespace carryall::charges
