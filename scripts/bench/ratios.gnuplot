# SPDX-License-Identifier: GPL-2.0
#
# Bars: ratios by pattern, one colour a system. Wants data, its number n of systems,
# plotted and title.
colours = "#c7c7c7 #7f7f7f #ffbb78 #c49c94 #c6dbef #6baed6 #2171b5 #d62728 #9467bd #2ca02c"
top = 1.6
width = 0.9 / n

set terminal svg size 1500,560 font "sans,12" background "white"
set output plotted
set title title noenhanced
set datafile missing "nan"
set style fill solid noborder
set boxwidth width
set xrange [-0.6:*]
set yrange [0:top]
set ytics 0.2
set grid ytics
set key outside bottom center horizontal noenhanced
set xtics rotate by -30 scale 0 noenhanced
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linewidth 2 dashtype 2 front

place(row, system) = row + (system - (n + 1) / 2.0) * width
ratio(system) = column(system + 1)
plot for [s = 1:n] data using (place($0, s)):(ratio(s)) with boxes \
		linecolor rgb word(colours, s) title columnheader(s + 1), \
	data skip 1 using 0:(0):xtic(1) with dots linecolor rgb "white" notitle, \
	for [s = 1:n] data skip 1 using (ratio(s) > top ? place($0, s) : NaN):(top): \
		(sprintf("%.1f", ratio(s))) with labels rotate by 90 right font ",9" notitle
