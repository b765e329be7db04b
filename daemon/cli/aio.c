/* SPDX-License-Identifier: Apache-2.0
 *
 * aio.c - `resultd aio`: the table of its verbs. */
#include "daemon/cli/aio.h"

static int lock(struct remote *r, const struct args *a)
{
	return tcms_cycles_state(r, a, "LOCKED", true);
}

static int unlock(struct remote *r, const struct args *a)
{
	return tcms_cycles_state(r, a, "LOCKED", false);
}

static int close_cycle(struct remote *r, const struct args *a)
{
	return tcms_cycles_state(r, a, "CLOSED", true);
}

static int reopen(struct remote *r, const struct args *a)
{
	return tcms_cycles_state(r, a, "CLOSED", false);
}

#define PROJECT       "  --project KEY|ID    another project than the sink's\n"
#define ATTACH_DETAIL "  --again             also a file whose name and size are there already\n" PROJECT
#define CYCLE_OPTIONS \
	"project= objective= owner= task=* release=* component=* starts= ends= tag=* folder=* field=* "
#define CYCLE_DETAIL                                                                \
	"  --objective TEXT, --owner ID\n"                                          \
	"  --folder NAME       once a level; what is missing is made\n"             \
	"  --tag NAME, --task ISSUE, --release ID, --component ID    repeat them\n" \
	"  --starts DATE, --ends DATE    2026-11-21, or 2026-11-21T10:00:00Z\n"     \
	"  --field NAME=VALUE  a custom field; repeat it\n" PROJECT

static const struct verb verbs[] = {
	{ .name = "config",
	  .words = "",
	  .options = "project=",
	  .run = tcms_config_show,
	  .summary = "all lists of the project",
	  .detail = PROJECT },
	{ .name = "statuses",
	  .words = "",
	  .options = "project= of=",
	  .run = tcms_statuses,
	  .summary = "run statuses, or another list",
	  .detail = "  --of run|step|case|automation|type|priority|script   which list (default "
		    "run)\n" PROJECT },
	{ .name = "fields",
	  .words = "",
	  .options = "project=",
	  .run = tcms_fields,
	  .summary = "custom fields: of what, required for what, with which values",
	  .detail = PROJECT },
	{ .name = "fields types",
	  .words = "",
	  .options = "project=",
	  .run = tcms_field_types,
	  .summary = "types that custom fields may have",
	  .detail = PROJECT },
	{ .name = "parameters",
	  .words = "",
	  .options = "project=",
	  .run = tcms_parameters,
	  .summary = "predefined parameters of datasets",
	  .detail = PROJECT },
	{ .name = "batch",
	  .words = "BATCH",
	  .least = 1,
	  .most = 1,
	  .options = "project= wait",
	  .run = tcms_batch,
	  .summary = "how far a batch is (import of results or features, change of many runs)",
	  .detail = "  --wait              until it is over, or --timeout has passed\n" PROJECT },
	{ .name = "tags",
	  .words = "",
	  .options = "project=",
	  .run = tcms_tags,
	  .summary = "tags of the project",
	  .detail = PROJECT },
	{ .name = "tags add",
	  .words = "NAME...",
	  .least = 1,
	  .most = ARGS_WORDS_MAX,
	  .options = "project=",
	  .run = tcms_tags_add,
	  .summary = "make tags; those that are there stay as they are",
	  .detail = PROJECT },
	{ .name = "folders",
	  .words = "",
	  .options = "project= of=",
	  .run = tcms_folders,
	  .summary = "folders as a tree",
	  .detail = "  --of cycles|cases|sets   (default cycles)\n" PROJECT },
	{ .name = "folders add",
	  .words = "NAME...",
	  .least = 1,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= of=",
	  .run = tcms_folders_add,
	  .summary = "make a folder: a path, one name a level",
	  .detail = "  --of cycles|cases   (default cycles)\n" PROJECT },
	{ .name = "cycles list",
	  .words = "",
	  .options = "project=",
	  .pages = true,
	  .run = tcms_cycles_list,
	  .summary = "cycles of the project",
	  .detail = PROJECT },
	{ .name = "cycles search",
	  .words = "",
	  .options = "project= title= exact key=* tag=* task=* folder-id=* locked= closed= archived=",
	  .pages = true,
	  .run = tcms_cycles_search,
	  .summary = "cycles that meet all that is asked",
	  .detail = "  --title TEXT [--exact]   part of it (with --exact: the whole), as written\n"
		    "  --key KEY, --tag NAME, --task ISSUE, --folder-id ID    one of those; repeat them\n"
		    "  --locked yes|no, --closed yes|no, --archived yes|no\n" PROJECT },
	{ .name = "cycles show",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = tcms_cycles_show,
	  .summary = "one cycle, closely",
	  .detail = PROJECT },
	{ .name = "cycles summary",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = tcms_cycles_summary,
	  .summary = "how many cases and runs, and how they stand",
	  .detail = PROJECT },
	{ .name = "cycles cases",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .pages = true,
	  .run = tcms_cycles_cases,
	  .summary = "cases of a cycle with their latest run",
	  .detail = PROJECT },
	{ .name = "cycles create",
	  .words = "TITLE",
	  .least = 1,
	  .most = 1,
	  .options = CYCLE_OPTIONS "created=",
	  .run = tcms_cycles_create,
	  .summary = "make a cycle",
	  .detail = "  --created DATE      a cycle of the past\n" CYCLE_DETAIL },
	{ .name = "cycles create-from-set",
	  .words = "TITLE",
	  .least = 1,
	  .most = 1,
	  .options = CYCLE_OPTIONS "set=* assign-to=",
	  .run = tcms_cycles_create_from_set,
	  .summary = "make a cycle with the published cases of sets",
	  .detail = "  --set KEY           repeat it\n"
		    "  --assign-to ID      who is to run them\n" CYCLE_DETAIL },
	{ .name = "cycles add",
	  .words = "CYCLE CASE...",
	  .least = 2,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= version= new-run",
	  .run = tcms_cycles_add,
	  .summary = "bring cases into a cycle",
	  .detail = "  --version N         of the cases; the latest where nothing is said\n"
		    "  --new-run           a further run of a case that is there already\n" PROJECT },
	{ .name = "cycles update",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = CYCLE_OPTIONS "title=",
	  .run = tcms_cycles_update,
	  .summary = "change a cycle; what is not named stays",
	  .detail = "  --title TEXT\n" CYCLE_DETAIL },
	{ .name = "cycles lock",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = lock,
	  .summary = "no cases come or go",
	  .detail = PROJECT },
	{ .name = "cycles unlock",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = unlock,
	  .summary = "the same undone",
	  .detail = PROJECT },
	{ .name = "cycles close",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = close_cycle,
	  .summary = "nothing is run in it any more",
	  .detail = PROJECT },
	{ .name = "cycles reopen",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = reopen,
	  .summary = "the same undone",
	  .detail = PROJECT },
	{ .name = "cycles delete",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project= with-cases confirm=",
	  .run = tcms_cycles_delete,
	  .summary = "delete a cycle",
	  .detail = "Asks for the cycle's title, typed.\n"
		    "  --confirm TITLE     the same without being asked\n"
		    "  --with-cases        also one that has cases, with all their runs\n" PROJECT },
	{ .name = "cycles cleanup",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project= older-than= confirm=",
	  .run = tcms_cycles_cleanup,
	  .summary = "delete old runs, the latest of each case stays",
	  .detail = "Asks for the cycle, typed as it was given.\n"
		    "  --older-than DAYS\n"
		    "  --confirm CYCLE     the same without being asked\n" PROJECT },
	{ .name = "cycles attach",
	  .words = "CYCLE FILE...",
	  .least = 2,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= field= again",
	  .run = tcms_cycles_attach,
	  .summary = "attach files to a cycle",
	  .detail = "  --field NAME        to its OBJECTIVE, or to a custom field of formatted "
		    "text\n" ATTACH_DETAIL },
	{ .name = "cases list",
	  .words = "",
	  .options = "project=",
	  .pages = true,
	  .run = tcms_cases_list,
	  .summary = "cases of the project",
	  .detail = PROJECT },
	{ .name = "cases search",
	  .words = "",
	  .options = "project= title= automation-key= exact key=* tag=* requirement=* status=* folder-id=* "
		     "archived=",
	  .pages = true,
	  .run = tcms_cases_search,
	  .summary = "cases that meet all that is asked",
	  .detail = "  --title TEXT, --automation-key TEXT [--exact]   part of it (with --exact: the whole)\n"
		    "  --key KEY, --tag NAME, --requirement ISSUE, --status NAME, --folder-id ID\n"
		    "                      one of those; repeat them\n"
		    "  --archived yes|no\n" PROJECT },
	{ .name = "cases show",
	  .words = "CASE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .run = tcms_cases_show,
	  .summary = "one case, closely",
	  .detail = PROJECT },
	{ .name = "cases create",
	  .words = "TITLE",
	  .least = 1,
	  .most = 1,
	  .options = "project= description= precondition= automation-key= owner= status= priority= type= "
		     "script-type= "
		     "automation-status= step=* requirement=* release=* component=* tag=* folder=* field=*",
	  .run = tcms_cases_create,
	  .summary = "make a case (nobody can delete it by this interface)",
	  .detail =
		  "  --automation-key KEY   by which results find it; refused where another case has it\n"
		  "  --status NAME          (default Published: a draft cannot go into a cycle)\n"
		  "  --priority NAME, --type NAME, --script-type NAME, --automation-status NAME, --owner ID\n"
		  "  --description TEXT, --precondition TEXT\n"
		  "  --step \"ACTION => RESULT\"   repeat it\n"
		  "  --folder NAME          once a level; what is missing is made\n"
		  "  --tag NAME, --requirement ISSUE, --release ID, --component ID   repeat them\n"
		  "  --field NAME=VALUE     a custom field; repeat it\n" PROJECT },
	{ .name = "cases update",
	  .words = "CASE",
	  .least = 1,
	  .most = 1,
	  .options =
		  "project= title= description= precondition= automation-key= owner= status= priority= type= "
		  "automation-status= requirement=* release=* component=* tag=* folder=* field=*",
	  .run = tcms_cases_update,
	  .summary = "change a case; what is not named stays",
	  .detail = "  --title TEXT, --description TEXT, --precondition TEXT, --automation-key KEY, --owner "
		    "ID\n"
		    "  --status NAME, --priority NAME, --type NAME, --automation-status NAME\n"
		    "  --folder NAME       once a level; what is missing is made\n"
		    "  --tag NAME, --field NAME=VALUE    join those that are there; repeat them\n"
		    "  --requirement ISSUE, --release ID, --component ID    replace those that are "
		    "there\n" PROJECT },
	{ .name = "cases attach",
	  .words = "CASE FILE...",
	  .least = 2,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= step= field= again",
	  .run = tcms_cases_attach,
	  .summary = "attach files to a case",
	  .detail = "  --step ID           to this step of the case\n"
		    "  --field NAME        to DESCRIPTION or PRECONDITIONS; of a step: STEP, DATA,\n"
		    "                      EXPECTED_RESULTS\n" ATTACH_DETAIL },
	{ .name = "cases import",
	  .words = "FILE...",
	  .least = 1,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= status= priority= type= automation-status= automation-owner= precondition= "
		     "requirement=* release=* component=* tag=* folder=* field=* update-existing wait",
	  .run = tcms_cases_import,
	  .summary = "make or change cases of feature files (Gherkin), in a batch",
	  .detail = "A scenario with the tag of a case changes that case, the others make new ones.\n"
		    "  --status NAME, --priority NAME, --type NAME, --automation-status NAME\n"
		    "  --automation-owner ID, --precondition TEXT\n"
		    "  --folder NAME       once a level; what is missing is made\n"
		    "  --tag NAME, --requirement ID, --release ID, --component ID   repeat them\n"
		    "  --field NAME=VALUE  a custom field; repeat it\n"
		    "  --update-existing   give these also to cases that are there\n"
		    "  --wait              until the batch is over\n" PROJECT },
	{ .name = "cases export",
	  .words = "FILE",
	  .least = 1,
	  .most = 1,
	  .options = "project= group= title= exact key=* tag=* folder-id=*",
	  .run = tcms_cases_export,
	  .summary = "cases in Gherkin as a zip of feature files (- writes to standard output)",
	  .detail =
		  "  --group none|folder|requirement|tag\n"
		  "  --title TEXT [--exact], --key KEY, --tag NAME, --folder-id ID   which cases\n" PROJECT },
	{ .name = "sets list",
	  .words = "",
	  .options = "project= title= exact tag=*",
	  .pages = true,
	  .run = tcms_sets_list,
	  .summary = "sets of cases",
	  .detail = "  --title TEXT [--exact], --tag NAME\n" PROJECT },
	{ .name = "sets create",
	  .words = "TITLE",
	  .least = 1,
	  .most = 1,
	  .options = "project= objective= tag=* field=*",
	  .run = tcms_sets_create,
	  .summary = "make a set",
	  .detail = "  --objective TEXT, --tag NAME, --field NAME=VALUE\n" PROJECT },
	{ .name = "sets add",
	  .words = "SET CASE...",
	  .least = 2,
	  .most = ARGS_WORDS_MAX,
	  .options = "project=",
	  .run = tcms_sets_add,
	  .summary = "put cases into a set",
	  .detail = PROJECT },
	{ .name = "sets cases",
	  .words = "SET",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .pages = true,
	  .run = tcms_sets_cases,
	  .summary = "cases of a set",
	  .detail = PROJECT },
	{ .name = "runs list",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options = "project=",
	  .pages = true,
	  .run = tcms_runs_list,
	  .summary = "all runs of a cycle, case by case, newest first",
	  .detail = PROJECT },
	{ .name = "runs latest",
	  .words = "CYCLE CASE",
	  .least = 2,
	  .most = 2,
	  .options = "project=",
	  .run = tcms_runs_latest,
	  .summary = "the latest run of a case",
	  .detail = PROJECT },
	{ .name = "runs show",
	  .words = "CYCLE RUN",
	  .least = 2,
	  .most = 2,
	  .options = "project=",
	  .run = tcms_runs_show,
	  .summary = "one run by its id",
	  .detail = PROJECT },
	{ .name = "runs update",
	  .words = "CYCLE CASE",
	  .least = 2,
	  .most = 2,
	  .options = "project= status= comment=* effort= defect=* field=* automated= new-run",
	  .run = tcms_runs_update,
	  .summary = "mark a case: its latest run, or a new one",
	  .detail = "  --status NAME|ID, --comment TEXT, --effort DURATION, --automated yes|no\n"
		    "  --defect ID         Jira's number of the issue; repeat it\n"
		    "  --field NAME=VALUE  a custom field; repeat it\n"
		    "  --new-run           leave the latest run as it is\n" PROJECT },
	{ .name = "runs change",
	  .words = "CYCLE",
	  .least = 1,
	  .most = 1,
	  .options =
		  "project= case=* title= automation-key= exact tag=* run=* folder-id=* was=* every status= "
		  "effort= defect=* field=* automated= batch wait",
	  .run = tcms_runs_change,
	  .summary = "change fields of many runs at once",
	  .detail = "Which runs, all of it:\n"
		    "  --case KEY, --run ID, --tag NAME, --folder-id ID, --was STATUS   one of those; repeat "
		    "them\n"
		    "  --title TEXT, --automation-key TEXT [--exact]   of the case\n"
		    "  --every             all runs of the cycle\n"
		    "What they get:\n"
		    "  --status NAME, --effort DURATION, --automated yes|no\n"
		    "  --defect ID         Jira's number of the issue; repeat it\n"
		    "  --field NAME=VALUE  a custom field; repeat it\n"
		    "  --batch             later, over there; with --wait until it is over\n" PROJECT },
	{ .name = "runs migrate",
	  .words = "CYCLE CASE",
	  .least = 2,
	  .most = 2,
	  .options = "project= created= updated= status= comment=* effort= defect=* field=* automated= "
		     "executed-by= assign-to=",
	  .run = tcms_runs_migrate,
	  .summary = "a run of the past, with its own date",
	  .detail = "  --created DATE, --status NAME   when it was, how it ended\n"
		    "  --updated DATE      (default: when it was)\n"
		    "  --executed-by ID, --assign-to ID, --comment TEXT, --effort DURATION\n"
		    "  --automated yes|no, --defect KEY|ID, --field NAME=VALUE\n" PROJECT },
	{ .name = "runs import",
	  .words = "CYCLE FILE",
	  .least = 2,
	  .most = 2,
	  .options = "project= type= new-run= add-cases= create-cases= ignore-class= update-datasets= "
		     "update-cases= update-steps= examples-as-cases= status-only= folder=* batch wait",
	  .run = tcms_runs_import,
	  .summary = "hand a report to the vendor's importer",
	  .detail = "  --type junit|testng|nunit|cucumber|newman|robot   (default: what it looks like)\n"
		    "  --new-run yes|no             (default yes) no: the latest runs are overwritten\n"
		    "  --add-cases yes|no           (default yes) that are not in the cycle yet\n"
		    "  --create-cases yes|no        that are not found\n"
		    "  --folder NAME                for those; once a level\n"
		    "  --ignore-class yes|no        JUnit: the automation key is the method alone\n"
		    "  --update-datasets yes|no     TestNG, JUnit\n"
		    "  --update-cases yes|no        cases become what the file says\n"
		    "  --update-steps yes|no        the same for steps of scenarios\n"
		    "  --examples-as-cases yes|no   each example of an outline is a case\n"
		    "  --status-only yes|no         steps are not compared\n"
		    "  --batch                      later, over there; with --wait until it is "
		    "over\n" PROJECT },
	{ .name = "runs steps",
	  .words = "CYCLE RUN|CASE N=STATUS...",
	  .least = 3,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= status=",
	  .run = tcms_runs_steps,
	  .summary = "mark steps of a run, or of the latest one of a case",
	  .detail = "  N=STATUS, or \"N=STATUS: WHAT WAS SEEN\"; N counts from 1; STATUS is Not Run, In "
		    "Progress,\n"
		    "  Passed, Failed or Blocked\n"
		    "  --status NAME       of the run itself\n" PROJECT },
	{ .name = "runs comment",
	  .words = "CYCLE RUN|CASE TEXT",
	  .least = 3,
	  .most = 3,
	  .options = "project=",
	  .run = tcms_runs_comment,
	  .summary = "comment a run, or the latest one of a case",
	  .detail = PROJECT },
	{ .name = "runs reset",
	  .words = "CYCLE RUN",
	  .least = 2,
	  .most = 2,
	  .options = "project= confirm=",
	  .run = tcms_runs_reset,
	  .summary = "back to the first status, without comments, defects, attachments",
	  .detail = "Asks for the run's id, typed.\n"
		    "  --confirm RUN       the same without being asked\n" PROJECT },
	{ .name = "runs delete",
	  .words = "CYCLE RUN",
	  .least = 2,
	  .most = 2,
	  .options = "project= confirm=",
	  .run = tcms_runs_delete,
	  .summary = "delete a run that is not the latest of its case",
	  .detail = "Asks for the run's id, typed.\n"
		    "  --confirm RUN       the same without being asked\n" PROJECT },
	{ .name = "runs attach",
	  .words = "CYCLE RUN|CASE FILE...",
	  .least = 3,
	  .most = ARGS_WORDS_MAX,
	  .options = "project= step= again",
	  .run = tcms_runs_attach,
	  .summary = "attach files to a run, or to the latest one of a case",
	  .detail = "  --step ID           to this step of the run\n" ATTACH_DETAIL },
	{ .name = "attachments get",
	  .words = "ID FILE",
	  .least = 2,
	  .most = 2,
	  .options = "project=",
	  .run = tcms_attachments_get,
	  .summary = "fetch a file (- writes to standard output)",
	  .detail = PROJECT },
	{ .name = "traceability",
	  .words = "ISSUE",
	  .least = 1,
	  .most = 1,
	  .options = "project= runs= days= all-versions",
	  .run = tcms_traceability,
	  .summary = "cases of a requirement, and their runs",
	  .detail = "  --runs N            at most so many a case\n"
		    "  --days N            made within the last N days\n"
		    "  --all-versions      of each case\n" PROJECT },
	{ 0 },
};

int cmd_aio(struct cli *cli, int argc, char **argv)
{
	return verbs_run(verbs, cli, argc, argv);
}

void help_aio(void)
{
	verbs_help(verbs, "aio");
}
