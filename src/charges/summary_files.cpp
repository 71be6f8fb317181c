#include "charges/summary_files.hpp"

#include <fmt/format.h>
#include <set>

#include "base/log.hpp"
#include "files/zip_writer.hpp"

namespace carryall::charges {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxAttachedBytes = 25 << 20;  // of queue_mail
constexpr const char* kZipType = "application/zip";

}  // namespace

Result<ScratchFolder> ScratchFolder::make(const fs::path& parent) {
    fs::path path = parent / ("charge-list-" + base::random_uuid());
    std::error_code error;
    if (!fs::create_directories(path, error)) {
        return base::unavailable("the scratch directory " + parent.string() +
                                 " takes no folder: " + error.message());
    }
    return ScratchFolder(std::move(path));
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::int64_t> bytes_of(const fs::path& file) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(file, error);
    if (error) return base::unavailable("cannot read " + file.string() + ": " + error.message());
    return static_cast<std::int64_t>(bytes);
}

SummaryFiles::SummaryFiles(db::Connection& connection, const base::MasterKey& key,
                           const CheckSettings& settings, const PartId& own_part,
                           const RunToTell& run, const fs::path& folder)
    : connection_(connection),
      key_(key),
      settings_(settings),
      own_part_(own_part),
      run_(run),
      folder_(folder) {}

// A list that is gone from the store, or was shortened there, is written again from the charges:
// they do not change.
Result<fs::path> SummaryFiles::fetch(const ToldPart& part) {
    if (part.part_number == own_part_.part_number) return folder_ / part.list_name;
    const auto found = fetched_.find(part.part_number);
    if (found != fetched_.end()) return found->second;
    const fs::path file = folder_ / fmt::format("list-{}", part.part_number);
    const auto is_there = settings_.store->get(part.list_key, file);
    if (!is_there) return is_there.error();
    if (!*is_there || bytes_of(file).value_or(-1) != part.list_bytes) {
        base::log::warning("charge_list_is_gone", {{"fileKey", part.list_key}});
        const PartId id{own_part_.tenant_id, own_part_.run, part.part_number};
        const auto order = load_part_to_list(connection_, id);
        if (!order) return order.error();
        if (!*order) return base::not_found("the part of a missing charge list is gone too");
        const auto written = write_charge_list(connection_, (*order)->order, file);
        if (!written) return written.error();
    }
    fetched_[part.part_number] = file;
    return file;
}

Result<SummaryFiles::Ready> SummaryFiles::make(const Audience& audience, std::size_t number) {
    const std::vector<ToldPart>& parts = run_.told.parts;
    if (audience.parts.size() == 1) {
        const ToldPart& part = parts[audience.parts.front()];
        return ready(part.list_key, part.list_name, kListType, part.list_bytes, 1);
    }
    std::vector<files::ZipEntry> entries;
    std::set<std::string> names;
    for (const std::size_t place : audience.parts) {
        const auto file = fetch(parts[place]);
        if (!file) return file.error();
        std::string name = parts[place].list_name;
        if (!names.insert(name).second) {
            name = fmt::format("part-{}-{}", parts[place].part_number, name);
        }
        entries.push_back({std::move(name), *file});
    }
    const std::string name = fmt::format("charge-lists-{}.zip", run_.told.run.value);
    const std::string key = fmt::format("charge-lists/{}/{}/summary-{}-{}.zip", own_part_.tenant_id,
                                        run_.told.run.value, run_.told.telling, number);
    const fs::path archive = folder_ / fmt::format("summary-{}", number);
    CARRYALL_TRY(files::write_zip(archive, entries));
    CARRYALL_TRY(files::store_verified(*settings_.store, key, archive, kZipType, settings_.pace));
    const auto bytes = bytes_of(archive);
    if (!bytes) return bytes.error();
    std::error_code ignored;
    fs::remove(archive, ignored);
    return ready(key, name, kZipType, *bytes, static_cast<std::int64_t>(audience.parts.size()));
}

Result<SummaryFiles::Ready> SummaryFiles::ready(const std::string& key, const std::string& name,
                                                const std::string& content_type, std::int64_t bytes,
                                                std::int64_t list_count) {
    Ready file;
    file.shown.name = name;
    file.shown.list_count = list_count;
    if (bytes <= std::min(run_.attachment_limit_bytes, kMaxAttachedBytes)) {
        file.shown.is_attached = true;
        file.attachments = base::json::serialize(
            base::json::array{base::json::object{{"file_name", name},
                                                 {"content_type", content_type},
                                                 {"file_key", key},
                                                 {"size_bytes", bytes}}});
        return file;
    }
    if (settings_.links.public_url.empty()) {
        file.shown.problem = fmt::format(
            "it has {} bytes, more than may be attached, and no links can be made because "
            "api.public_url is not set; it is stored as {}",
            bytes, key);
        return file;
    }
    const base::Instant now = base::system_clock().now();
    const files::Link link{own_part_.tenant_id, key, name, content_type, {}};
    file.shown.link = files::make_link_url(key_, settings_.links, link, now);
    file.shown.link_ends_at = base::to_iso8601(now + settings_.links.valid).substr(0, 10);
    return file;
}

}  // namespace carryall::charges
