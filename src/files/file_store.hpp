// Where files are kept that outlive a process: charge lists, attachments of mails, downloads. A
// folder or a bucket of an S3 service behind one face. What must stay true: a file is there whole
// or not at all; "absent" is an answer and never mixed up with a failure; no key leads out of the
// store; memory stays flat however large a file is. Every object here may be used by many threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace carryall::files {

using base::Result;

inline constexpr std::size_t kMaxKeyBytes = 900;               // S3 takes 1,024
inline constexpr std::size_t kMaxKeyPartBytes = 200;           // a file system takes 255
inline constexpr std::uint64_t kMaxFileBytes = 5'000'000'000;  // S3's largest single upload

// "charges/7/2026-03.txt": parts of UTF-8 text joined by '/'. No part is empty, begins with a dot
// or holds a control, '/' or '\'.
Result<void> check_key(std::string_view key);

// "text/plain; charset=utf-8": printable ASCII that can stand in a header.
Result<void> check_content_type(std::string_view content_type);

// Failures: `unavailable` and `timeout` may be over later; any other kind needs a person, and its
// text says what to do.
class FileStore {
  public:
    FileStore() = default;
    FileStore(const FileStore&) = delete;
    FileStore& operator=(const FileStore&) = delete;
    virtual ~FileStore() = default;

    // Replaces what was there. The same file under the same key again does no harm.
    virtual Result<void> put(const std::string& key, const std::filesystem::path& file,
                             const std::string& content_type) = 0;
    // How many bytes are there; nullopt: nothing is.
    virtual Result<std::optional<std::uint64_t>> size_of(const std::string& key) = 0;
    // Writes it to `target`, replacing what was there; false: nothing has this key. After a failure
    // there is no `target`.
    virtual Result<bool> get(const std::string& key, const std::filesystem::path& target) = 0;
    // Whether files could be put here now: the folder can be written, the bucket answers to our
    // keys. Leaves nothing behind but the folder.
    virtual Result<void> check() = 0;
};

struct FolderSettings {
    std::filesystem::path directory;  // made when it is first needed
};

struct S3Settings {
    std::string endpoint;  // "https://s3.eu-central-1.amazonaws.com": scheme, host, port, no path
    std::string region;
    std::string bucket;
    std::string access_key;
    base::Secret secret_key;
    // The bucket in the path instead of in the host's name: for services without names of buckets.
    bool path_style = false;
};

using FileStoreSettings = std::variant<FolderSettings, S3Settings>;

// What a person got wrong in them, each mistake with its setting in `where`; empty: nothing.
std::vector<base::Error> mistakes_of(const FileStoreSettings& settings);

// The settings have no mistakes.
std::unique_ptr<FileStore> make_file_store(const FileStoreSettings& settings);

}  // namespace carryall::files
