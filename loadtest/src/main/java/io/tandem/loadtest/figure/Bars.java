package io.tandem.loadtest.figure;

import java.awt.Color;
import java.text.NumberFormat;
import java.util.Locale;
import org.jfree.chart.axis.AxisLocation;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.labels.ItemLabelAnchor;
import org.jfree.chart.labels.ItemLabelPosition;
import org.jfree.chart.labels.StandardCategoryItemLabelGenerator;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.StackedBarRenderer;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.category.DefaultCategoryDataset;

/** Horizontal bars, beside each other or on top of each other. */
public final class Bars {
    private static final int STACKED_BAR = 22;
    private static final int GROUPED_BAR = 13;
    private static final int AROUND = 110;

    private final NumberAxis axis;
    private final boolean stacked;
    private final DefaultCategoryDataset data = new DefaultCategoryDataset();

    private Bars(String label, boolean stacked) {
        this.axis = Look.numbers(label);
        this.stacked = stacked;
    }

    /** A bar of each series in each group. */
    public static Bars grouped(String label) {
        return new Bars(label, false);
    }

    /** One bar in each group, made of the series. */
    public static Bars stacked(String label) {
        return new Bars(label, true);
    }

    public Bars add(String series, String group, double value) {
        data.addValue(value, series, group);
        return this;
    }

    public Bars upTo(double most) {
        axis.setRange(0, most);
        return this;
    }

    int height() {
        return AROUND
                + (stacked
                        ? STACKED_BAR * 2 * data.getColumnCount()
                        : GROUPED_BAR * data.getColumnCount() * (data.getRowCount() + 1));
    }

    CategoryPlot plot() {
        BarRenderer renderer = stacked ? new StackedBarRenderer() : new BarRenderer();
        renderer.setBarPainter(new StandardBarPainter());
        renderer.setShadowVisible(false);
        renderer.setItemMargin(0.05);
        renderer.setMaximumBarWidth(0.3);
        for (int i = 0; i < data.getRowCount(); i++) {
            renderer.setSeriesPaint(i, Look.color(i));
        }
        if (!stacked) {
            NumberFormat format = NumberFormat.getInstance(Locale.ROOT);
            format.setMaximumFractionDigits(1);
            renderer.setDefaultItemLabelGenerator(new StandardCategoryItemLabelGenerator("{2}", format));
            renderer.setDefaultItemLabelsVisible(true);
            renderer.setDefaultPositiveItemLabelPosition(
                    new ItemLabelPosition(ItemLabelAnchor.OUTSIDE3, TextAnchor.CENTER_LEFT));
            renderer.setDefaultItemLabelFont(Look.small());
            renderer.setDefaultItemLabelPaint(Look.TEXT);
        }
        CategoryAxis groups = Look.axis(new CategoryAxis());
        groups.setCategoryMargin(stacked ? 0.4 : 0.2);
        // Margins are shares of the whole axis, which would be blank bands at the ends of a long one.
        groups.setLowerMargin(Math.min(0.05, 0.2 / data.getColumnCount()));
        groups.setUpperMargin(Math.min(0.05, 0.2 / data.getColumnCount()));
        groups.setMaximumCategoryLabelWidthRatio(0.3f);
        CategoryPlot plot = new CategoryPlot(data, groups, axis, renderer);
        plot.setOrientation(PlotOrientation.HORIZONTAL);
        plot.setRangeAxisLocation(AxisLocation.BOTTOM_OR_LEFT);
        plot.setRangeGridlinePaint(Look.GRID);
        plot.setBackgroundPaint(Color.WHITE);
        return plot;
    }
}
