#!/bin/bash
# The demo's training program: fits y = a x + b to one fold of the data, by gradient descent.
#
#	./train.sh FOLD LEARNING-RATE
set -u
fold=$1 lr=$2

printf -v data 'data/fold-%02d.csv' "$fold"
if [ ! -r "$data" ]; then
	echo "train.sh: cannot read $data: no such file" >&2
	exit 1
fi

a=0 b=0 loss=0
for epoch in 1 2 3 4 5; do
	read -r a b loss < <(awk -F, -v a="$a" -v b="$b" -v lr="$lr" '
		{ x[NR] = $1; y[NR] = $2 }
		END {
			for (step = 1; step <= 10; step++) {
				da = db = loss = 0
				for (i = 1; i <= NR; i++) {
					e = a * x[i] + b - y[i]
					da += 2 * e * x[i] / NR
					db += 2 * e / NR
					loss += e * e / NR
				}
				a -= lr * da
				b -= lr * db
			}
			printf "%.6f %.6f %.6f\n", a, b, loss
		}' "$data")
	printf 'epoch %d  loss %.4f\n' "$epoch" "$loss"
	sleep 0.4
	# a rare event: the kernel kills a process when the node runs out of memory
	if [ "$fold $lr" = '3 0.2' ] && [ $epoch = 3 ] && [ "${SLURMQ_ATTEMPT-}" = 1 ]; then
		kill -KILL $$
	fi
done

mkdir -p results
printf 'loss %.4f  fold %2d  lr %s\n' "$loss" "$fold" "$lr" >"results/fold-$fold-lr-$lr.txt"
