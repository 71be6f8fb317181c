/* Writes the sample table with libxlsxwriter: sample.c FILE [constant_memory]. */
#include <xlsxwriter.h>

static void write_devices(lxw_workbook *book) {
    static const char *names[] = {"ICCID",  "IMEI",        "MSISDN",       "Label",
                                  "Active", "Monthly fee", "Activated on", "Note"};
    lxw_worksheet *sheet = workbook_add_worksheet(book, "Devices");
    lxw_format *date = workbook_add_format(book);
    format_set_num_format(date, "yyyy-mm-dd");
    lxw_datetime day = {2026, 3, 31, 0, 0, 0};
    for (int i = 0; i < 8; i++) worksheet_write_string(sheet, 0, i, names[i], NULL);

    worksheet_write_string(sheet, 1, 0, "89014103211118510720", NULL);
    worksheet_write_string(sheet, 1, 1, "356938035643809", NULL);
    worksheet_write_string(sheet, 1, 2, "15551230001", NULL);
    worksheet_write_string(sheet, 1, 3, "Pump 1", NULL);
    worksheet_write_boolean(sheet, 1, 4, 1, NULL);
    worksheet_write_number(sheet, 1, 5, 12.5, NULL);
    worksheet_write_datetime(sheet, 1, 6, &day, date);
    worksheet_write_string(sheet, 1, 7, "first", NULL);

    worksheet_write_string(sheet, 2, 0, "89014103211118510738", NULL);
    worksheet_write_number(sheet, 2, 1, 356938035643817, NULL);
    worksheet_write_number(sheet, 2, 2, 15551230002, NULL);
    worksheet_write_string(sheet, 2, 3, "Zürich – Café", NULL);
    worksheet_write_boolean(sheet, 2, 4, 0, NULL);
    worksheet_write_number(sheet, 2, 5, 0.1, NULL);
    worksheet_write_datetime(sheet, 2, 6, &day, date);
    worksheet_write_string(sheet, 2, 7, "says \"hi\", twice; a|b", NULL);

    /* Row 4 stays blank. */
    worksheet_write_number(sheet, 4, 0, 89014103211118510746.0, NULL);
    worksheet_write_string(sheet, 4, 3, "line one\nline two", NULL);
    worksheet_write_number(sheet, 4, 5, -3.25, NULL);
    worksheet_write_string(sheet, 4, 7, "日本語 🚚 <&>", NULL);

    worksheet_write_string(sheet, 5, 0, "89014103211118510753", NULL);
    worksheet_write_formula_str(sheet, 5, 3, "=\"Pump \"&4", NULL, "Pump 4");
    worksheet_write_formula_num(sheet, 5, 5, "=2*3", NULL, 6);
    worksheet_write_formula_str(sheet, 5, 7, "=NA()", NULL, "#N/A");
    worksheet_write_string(workbook_add_worksheet(book, "Other"), 0, 0, "not read", NULL);
}

int main(int argc, char **argv) {
    lxw_workbook_options options = {.constant_memory = argc > 2};
    lxw_workbook *book = workbook_new_opt(argv[1], &options);
    write_devices(book);
    return workbook_close(book);
}
