//! What somebody who means harm tries with transfers, successions, a card's day and holds.

mod counter;
mod days;
mod holders;
mod insider;
mod limits;
mod offline;
mod people;
mod rules;
mod shop;
mod stores;
