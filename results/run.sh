#!/usr/bin/env bash
# Every run behind the tables of this folder, and the tables. Finished runs are skipped: it can be stopped and started.
# Less dropout than by default, for so short a training: with 0.1 the average precision on validation subjects was better
# than with 0, 0.2 and 0.4 (`run NAME 1 --language_model none --dropout 0.2` and so on).
# From the top of a checkout with its environment active: bash results/run.sh
set -euo pipefail
export HF_HUB_OFFLINE=1
bf16=${bf16:-True} # bf16=False on a CPU without AMX, which is slower in bfloat16 than in single precision
beds="synthetic:B synthetic:B/hidden synthetic:B/weak synthetic:B/changed_rules"

small="--max_subjects 300 --clips_per_subject 5 --unseen_share 0.2 --max_test_subjects 100
    --evidence_steps 220 --max_steps 30 --eval_steps 15 --dropout 0.1 --bf16 $bf16"

train_on() { # DATA NAME SEEDS OPTION... ; tested on unseen people and on every bed of the other domain
    python -m training.cross_domain --train "$1" --test $beds --output "runs/$2" --seeds "$3" $small "${@:4}"
}
run() { train_on synthetic:A "$@"; }

run methods/AULLM++ 3
run methods/Micro-AU-CLIP-like 3 --method micro_au_clip
run methods/DEFT-LLM-like 3 --method deft_llm
run methods/AC4AU-like 3 --method ac4au
run methods/au_llm 1 --method au_llm
run methods/led_head 2 --method led_head
run methods/flow_sssnet 3 --method flow_sssnet
run methods/prior 3 --method prior

run ablations/no_llm 2 --language_model none
run ablations/no_ccr 2 --ccr_weight 0
run ablations/no_r_augnn 2 --structure none
run ablations/no_node_regions 1 --node_regions False
run ablations/no_flow 1 --motion led
run ablations/no_mge_efp 1 --evidence efp
run ablations/no_reader 1 --read_out last_position

# What CCR is for: a rule that held in training (AU17 with every AU4) and holds nowhere else.
train_on synthetic:A/spurious_rule ccr/AULLM++ 3
train_on synthetic:A/spurious_rule ccr/no_ccr 2 --ccr_weight 0

# Each unit read by a model that was never taught it, beside methods/AULLM++, which was.
run left_out/untaught 1 --leave_units_out True

shipped() { # NAME OPTION... ; on as many clips as the shipped checkpoint, whose README has its own command
    python -m training.train --data synthetic:A --test $beds --output "runs/shipped/$1" --max_subjects 3000 \
        --clips_per_subject 8 --max_test_subjects 100 --validation_share 0.03 --unseen_share 0.03 \
        --evidence_steps 2400 --max_steps 100 --eval_steps 200 --bf16 "$bf16" --data_seed 3 "${@:2}"
}

shipped Micro-AU-CLIP-like --method micro_au_clip
shipped DEFT-LLM-like --method deft_llm
shipped AC4AU-like --method ac4au
shipped au_llm --method au_llm
shipped flow_sssnet --method flow_sssnet

# Where a folder of one's own is given (photographs=FOLDER): photographs that another hand moves.
moved=${photographs:+runs/moved_photographs runs/moved_photographs_harder}
for bed in $moved; do
    [ -d "$bed" ] || python -m benchmarks.moved_clips --photographs "$photographs" --output "$bed" $([[ $bed != *_harder ]] || echo --hard)
done

# The runs on 1 050 clips keep no model: those of seed 1 once more, to be shown photographs.
kept() { python -m training.train --data synthetic:A --test synthetic:B --output "runs/kept/$1" $small "${@:2}"; }
if [ "$moved" ]; then
    kept AULLM++
    kept Micro-AU-CLIP-like --method micro_au_clip
    kept DEFT-LLM-like --method deft_llm
    kept AC4AU-like --method ac4au
    kept au_llm --method au_llm
    kept flow_sssnet --method flow_sssnet
fi

# All of them on the same clips of the other domain and on photographs (a minute each).
shipped=modeling_aullm/checkpoints/synthetic-smollm2-135m
folder_of() { local bed=${1#runs/}; echo "${bed//[:\/]/_}"; }
on_bed() { # FOLDER NAME CHECKPOINT BED OPTION...
    python -m hub.evaluate --model "$3" --data "$4" --output "runs/$1/$(folder_of "$4")/$2" "${@:5}"
}
all_on() { # BED OPTION...
    on_bed shipped_beds AULLM++ $shipped "$@"
    for run in runs/shipped/*/; do on_bed shipped_beds "$(basename "$run")" "${run}checkpoint" "$@"; done
}
for bed in $beds; do
    all_on "$bed" --data_seed 3 --max_subjects 100 --clips_per_subject 8
done
for bed in $moved; do
    all_on "$bed"
    for run in runs/kept/*/; do on_bed kept_beds "$(basename "$run")" "${run}checkpoint" "$bed"; done
done

# Its temporal head (under an hour), and how well it finds events.
python -m training.temporal_head --checkpoint $shipped --output runs/temporal_head
python -m training.spotting --checkpoint $shipped --output runs/spotting --recordings 36 ${photographs:+--photographs "$photographs"}

# What the LLM adds to a linear reader of its own tokens, on every test bed (ten minutes); copied into results/readers.
python -m training.readers --checkpoint $shipped --output runs/readers

# What 2, 4 and 8 labelled subjects of the other domain are worth to it; copied into results/few_labels.
python -m training.few_labels --checkpoint $shipped --data synthetic:B --output runs/few_labels

report() { # NAME RUN... ; the others are compared with the first
    python -m training.report "${@:2}" --output "results/$1" ${insert:+--insert $insert}
}

own=runs/methods/AULLM++
insert=results/README.md report methods $own runs/methods/{Micro-AU-CLIP-like,DEFT-LLM-like,AC4AU-like,au_llm,led_head,flow_sssnet,prior}
insert=results/README.md report ablations $own runs/ablations/{no_llm,no_ccr,no_r_augnn}
insert= report design $own runs/ablations/{no_mge_efp,no_flow,no_node_regions,no_reader}
insert=results/README.md report ccr runs/ccr/{AULLM++,no_ccr}
insert= report left_out runs/left_out/untaught
for bed in $beds $moved; do
    own=$(folder_of "$bed")
    insert= report "shipped/$own" "runs/shipped_beds/$own/AULLM++" \
        "runs/shipped_beds/$own"/{Micro-AU-CLIP-like,DEFT-LLM-like,AC4AU-like,au_llm,flow_sssnet}
done
for bed in $moved; do
    own=$(folder_of "$bed")
    insert= report "kept/$own" "runs/kept_beds/$own/AULLM++" \
        "runs/kept_beds/$own"/{Micro-AU-CLIP-like,DEFT-LLM-like,AC4AU-like,au_llm,flow_sssnet}
done
insert=results/README.md report spotting runs/spotting
